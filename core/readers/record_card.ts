/**
 * Dataset cards for records: files in any known format, on this machine or on the Hugging Face hub.
 *
 * @module
 */
import { basename } from "node:path";
import { counted } from "../words/mod.ts";
import {
  type DatasetCard,
  type Document,
  type DocumentOptions,
  type Licence,
  requireDocuments,
  sampleDocuments,
  type Split,
} from "./card.ts";
import type { Change } from "./conversation.ts";
import { textDigest } from "./digests.ts";
import { shardCount } from "./hf_folder.ts";
import { hubFiles, hubRevision, hubSelection } from "./hub_files.ts";
import {
  type Beside,
  contentDigest,
  type FileOptions,
  isHubPath,
  keepDigests,
  localFiles,
  pathsBySplit,
  type RecordFile,
  type RecordPaths,
} from "./record_files.ts";
import {
  checkParts,
  checkVersion,
  compileReading,
  describeReading,
  type MakeDocument,
  type RecordReading,
  usesOf,
} from "./record_reading.ts";
import { ReadingReport } from "./reading_report.ts";
import { readRecords } from "./records.ts";
import { findUnusedElements } from "./template.ts";
import { atOnce, inTurns, type Pieces } from "./turns.ts";

export interface RecordCardOptions extends RecordReading {
  /** snake_case name of the dataset. */
  readonly name: string;
  /**
   * Where the records are: all of them, or by split. Relative to the working directory. The files of a folder or
   * repository are selected by their names; see `selectFiles`.
   */
  readonly path: RecordPaths;
  /** Puts all documents into one split; of a folder with files named after splits, only that split is read. */
  readonly split?: Split;
  /** The configuration (subset) to read, of a folder or repository with several. */
  readonly config?: string;
  /** What was left out when the paths were chosen, for the log. */
  readonly beside?: Beside;
  readonly title?: string;
  readonly role?: string;
  readonly homepage?: string;
  readonly licence?: Licence;
}

/** Raise when this file makes different documents from the same records. */
const READER = 5;

/**
 * A dataset of records. A record with an empty text is skipped.
 *
 * The revision is a string for local files, a promise for files on the hub.
 *
 * @throws {Error} for a broken template and for functions without `reader_version`; while reading, `file:row: …` for a
 *   broken record or missing column.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { recordCard } from "./record_card.ts";
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/sums.jsonl`, '{"question":"1 + 1?","answer":"2"}\n');
 * const card = recordCard({
 *   name: "sums",
 *   path: `${folder}/*.jsonl`,
 *   prompt: "Question: {question}\nAnswer: ",
 *   text: "answer",
 * });
 * const [{ id, text, prompt_length_chars }] = await Array.fromAsync(card.documents());
 * assert.equal(id, "sums.jsonl:1");
 * assert.equal(text.slice(prompt_length_chars), "2");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function recordCard(options: RecordCardOptions): DatasetCard {
  const origins = pathsBySplit(options.path).map(({ path }) => path);
  if (origins.length === 0) throw new Error(`dataset "${options.name}" has no path`);
  const on_hub = origins.some(isHubPath);
  if (on_hub && !origins.every(isHubPath)) {
    throw new Error(
      `dataset "${options.name}" mixes files on the hub and local files; use one kind`,
    );
  }
  checkVersion(options);
  checkParts(options);
  const makeDocument = compileReading(options);
  return {
    name: options.name,
    title: options.title ?? origins.map((origin) => basename(origin)).join(", "),
    role: options.role ?? "your own data",
    source: { origins, ...(options.homepage ? { homepage: options.homepage } : {}) },
    licence: options.licence ?? { spdx: "NOASSERTION", note: "not stated by the recipe" },
    reading: describeReading(options),
    revision({ signal } = {}) {
      if (on_hub) return revisionOnHub(options);
      const work = revisionOfFiles(options);
      return signal === undefined ? atOnce(work) : inTurns(work, signal);
    },
    documents(reading = {}) {
      const all = readDocuments(options, makeDocument, on_hub, reading);
      const { examples } = options;
      return requireDocuments(
        options.name,
        examples === undefined ? all : sampleDocuments(all, examples),
      );
    },
  };
}

async function* readDocuments(
  options: RecordCardOptions,
  makeDocument: MakeDocument,
  on_hub: boolean,
  reading: DocumentOptions,
): AsyncGenerator<Document> {
  const { format, columns, field, separator, delimiter, limits, path: paths } = options;
  const { on_error = "fail" } = options;
  const uses = usesOf(options), numbers_as_text = uses !== undefined;
  const how = { format, columns, uses, numbers_as_text, field, separator, delimiter, limits };
  const { signal, log } = reading;
  const selection = on_hub
    ? await hubSelection(paths, fileOptions(options))
    : await inTurns(localFiles(paths, fileOptions(options)), signal);
  const file_count = selection.files.reduce(
    (sum, { path }) => sum + (on_hub ? 1 : shardCount(path)),
    0,
  );
  const report = new ReadingReport(options.name, file_count, selection, options.beside);
  const files = on_hub ? hubFiles(paths, fileOptions(options), reading) : selection.files;
  const unused = findUnusedElements(
    [options.prompt, options.text].filter((part) => typeof part === "string"),
  );
  const skipped = { count: 0, first: "" };
  const onSkip = (message: string) => {
    report.add("unreadable");
    if (skipped.count++ === 0) skipped.first = message;
  };
  for await (const { name, path, split } of files as AsyncIterable<RecordFile>) {
    // In an archive or a saved dataset the record's file is a path below this one.
    const nameOf = (file: string) => `${name}${file.slice(path.length)}`;
    const onPassOver = (file: string, why: string) => report.passOver(nameOf(file), why);
    const wanted_split = split ?? options.split, rows_before = report.rows;
    const reading = {
      ...how,
      nameOf,
      on_error,
      onSkip,
      onPassOver,
      onNote: log,
      wanted_split,
      signal,
    };
    for await (const { file, row, value, split: own } of readRecords(path, reading)) {
      const placed = options.split ?? split ?? own;
      const onChange = (change: Change) => report.addChange(change);
      const document = attempt(
        () => makeDocument(value, `${file}:${row}`, onChange),
        on_error,
        onSkip,
      );
      if (document === undefined) continue;
      report.add(typeof document === "string" ? document : { split: placed });
      if (typeof document === "string") continue;
      const list = unused(value);
      if (list !== undefined) report.addUnused(list);
      if (document.text.includes("\0")) report.addNul();
      const id = `${nameOf(file)}:${row}`;
      yield { id, ...document, ...(placed === undefined ? {} : { split: placed }) };
    }
    if (report.rows === rows_before) report.emptyFile(name);
  }
  if (skipped.count > 0) {
    log?.(
      `dataset "${options.name}": skipped ${
        counted(skipped.count, "record")
      }, the first: ${skipped.first}`,
    );
  }
  log?.(report.line());
}

function fileOptions({ format, max_files, split, config }: RecordCardOptions): FileOptions {
  return { format, max_files, split, config };
}

/** Runs a function on one record; its errors are treated like those of reading it. */
function attempt<T>(
  run: () => T,
  on_error: "fail" | "skip",
  onSkip: (message: string) => void,
): T | undefined {
  try {
    return run();
  } catch (error) {
    if (on_error === "fail") throw error;
    onSkip((error as Error).message);
    return undefined;
  }
}

function* revisionOfFiles(options: RecordCardOptions): Pieces<string> {
  const { files } = yield* localFiles(options.path, fileOptions(options));
  const digests: unknown[] = [];
  for (const { name, path, split } of files) {
    digests.push([split, name, contentDigest(path)]);
    yield;
  }
  keepDigests();
  return fold(digests, options);
}

async function revisionOnHub(options: RecordCardOptions): Promise<string> {
  const { commits, files } = await hubRevision(options.path, fileOptions(options));
  return `${commits.join(" ")} ${fold(files, options)}`;
}

/** The digest of the files' names and digests, and of everything that decides which documents they make. */
function fold(files: readonly unknown[], options: RecordCardOptions): string {
  const { format, columns, messages, loss_on, text, prompt, group, where } = options;
  const { split, examples, limits } = options;
  const { mask_prompt = true, on_error = "fail", reader_version } = options;
  const { field, separator, delimiter } = options;
  const source = { format, columns, field, separator, delimiter };
  const reading = {
    ...source,
    messages,
    loss_on,
    text,
    prompt,
    mask_prompt,
    group,
    where,
    split,
    examples,
  };
  const content = { reader: READER, files, reading: { ...reading, on_error, limits } };
  // Not the source of a function: it does not include what the function calls.
  const withVersion = (_key: string, value: unknown) =>
    typeof value === "function" ? { reader_version } : value;
  return `sha256:${textDigest(JSON.stringify(content, withVersion))}`;
}
