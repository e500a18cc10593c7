/**
 * The files on this machine that the paths of a record card mean, with the names that documents and revisions use for
 * them.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { counted } from "../words/mod.ts";
import type { DatasetCard, Split } from "./card.ts";
import { readCard } from "./dataset_card.ts";
import { DigestCache, textDigest } from "./digests.ts";
import { checkName, shardsMissing, splitOfName } from "./file_names.ts";
import { formatOf, type RecordFormat } from "./formats.ts";
import { datasetFiles, isDatasetFolder } from "./hf_folder.ts";
import { formatIn, isFolder, listDataFiles, listPath, nothingReadable } from "./list_files.ts";
import { selectFiles, type Selection, shorten } from "./select_files.ts";
import type { Pieces } from "./turns.ts";

/** Files, globs and folders, or files on the Hugging Face hub (`hf://org/name@revision/glob`). */
export type RecordPath = string | readonly string[];

/** Paths of all records, or of each split. */
export type RecordPaths = RecordPath | { readonly [S in Split]?: RecordPath };

/** One file of a card. */
export interface RecordFile {
  /** The same on every machine: relative to the folder that contains all files of the card. */
  readonly name: string;
  readonly path: string;
  /** Set if the paths are given by split. */
  readonly split?: Split;
}

/** Paths one by one, with their splits. */
export function pathsBySplit(paths: RecordPaths): { path: string; split?: Split }[] {
  if (isRecordPath(paths)) return list(paths).map((path) => ({ path }));
  return (["train", "validation"] as const).flatMap((split) =>
    list(paths[split] ?? []).map((path) => ({ path, split }))
  );
}

function isRecordPath(paths: RecordPaths): paths is RecordPath {
  return typeof paths === "string" || Array.isArray(paths);
}

function list(path: RecordPath): readonly string[] {
  return typeof path === "string" ? [path] : path;
}

/** The files of a card, and what is to be said about them. */
export interface FileSelection {
  readonly files: readonly RecordFile[];
  readonly passed_over: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/** Which files of its paths a card reads. */
export interface FileOptions {
  readonly format?: RecordFormat;
  /** Most training files of each path. */
  readonly max_files?: number;
  /** Only the files of this split, where names tell. */
  readonly split?: Split;
  /** The configuration (subset) of a folder or repository with several. */
  readonly config?: string;
}

/**
 * Selects local files, those of each path in order. A saved dictionary of Hugging Face datasets counts as the
 * datasets in it, in the splits they are named after.
 *
 * @throws {Error} when a path matches no file, and as {@link selectFiles}.
 */
export function* localFiles(
  paths: RecordPaths,
  options: FileOptions = {},
): Pieces<FileSelection> {
  const files: { path: string; split?: Split }[] = [];
  const passed_over = new Map<string, string>();
  const notes: string[] = [];
  for (const { path, split } of pathsBySplit(paths)) {
    const { base, selection } = yield* selectAt(path, {
      ...options,
      split: split ?? options.split,
    });
    selection.passed_over.forEach((why, name) => passed_over.set(name, why));
    notes.push(...selection.notes);
    const found = selection.files.map((file) => ({
      path: join(base, file.name),
      split: split ?? file.split,
    }));
    files.push(...firstFiles(found, options.max_files, notes));
  }
  const root = commonFolder(files.map(({ path }) => resolve(path)));
  const once = withoutRepeats(files, ({ path }) => resolve(path), notes);
  const named = once.map(({ path, split }) => ({
    name: relative(root, resolve(path)).replaceAll("\\", "/"),
    path,
    ...(split === undefined ? {} : { split }),
  }));
  return { files: named, passed_over, notes };
}

/** Each file once in a split; remarks about those that several paths name. */
export function withoutRepeats<T extends { readonly path: string; readonly split?: Split }>(
  files: readonly T[],
  keyOf: (file: T) => string,
  notes: string[],
): T[] {
  const splits = new Map<string, (Split | undefined)[]>();
  const once = files.filter((file) => {
    const before = splits.get(keyOf(file)) ?? [];
    splits.set(keyOf(file), [...before, file.split]);
    return !before.includes(file.split);
  });
  const twice = files.length - once.length;
  if (twice > 0) notes.push(`${counted(twice, "file")} matched by several paths, read once`);
  const both = once.filter((file) =>
    file.split === "validation" && splits.get(keyOf(file))!.some((split) => split !== "validation")
  );
  if (both.length > 0) {
    notes.push(`both in train and in validation: ${shorten(both.map(({ path }) => path), 3)}`);
  }
  return once;
}

/** Selects the files of one path, with names relative to `base`. */
function* selectAt(
  path: string,
  { format, split, config }: FileOptions,
): Pieces<{ base: string; selection: Selection }> {
  const listing = yield* listPath(path);
  const { kind, base, names, glob } = listing;
  if (kind === "file") {
    if (existsSync(join(path, "dataset_dict.json"))) return savedSplits(path, split, config);
    const selection = { files: [{ name: path }], passed_over: new Map(), notes: [] };
    return { base: "", selection };
  }
  const known = formatIn(base, format);
  for (const name of names) {
    known(name);
    yield;
  }
  const readme = join(base, "README.md");
  const options = {
    where: path,
    formatOf: kind === "glob" ? (name: string) => known(name) ?? "unknown" : known,
    ...(glob === undefined ? {} : { glob, explicit: true }),
    ...(split && { split }),
    ...(config === undefined ? {} : { config }),
    card: kind === "folder" && existsSync(readme)
      ? readCard(Deno.readTextFileSync(readme), readme)
      : [],
  };
  const selection = selectFiles(names, options);
  if (selection.files.length === 0) throw nothingReadable(path, format, selection.passed_over);
  return { base, selection };
}

/** The training files up to the limit, and all validation files; a note about the rest. */
export function firstFiles<T extends { readonly split?: Split }>(
  files: readonly T[],
  max_files: number | undefined,
  notes: string[],
): T[] {
  if (max_files === undefined) return [...files];
  let count = 0;
  const first = files.filter(({ split }) => split === "validation" || count++ < max_files);
  if (first.length < files.length) {
    notes.push(`max_files leaves out ${counted(files.length - first.length, "file")}`);
  }
  return first;
}

/** The datasets in a saved dictionary of datasets. */
function savedSplits(
  folder: string,
  split: Split | undefined,
  config: string | undefined,
): { base: string; selection: Selection } {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => isDatasetFolder(join(folder, name))).sort();
  const selection = selectFiles(names, {
    where: folder,
    formatOf: () => "hf_dataset",
    ...(split && { split }),
    ...(config === undefined ? {} : { config }),
  });
  const is_split = selection.files.length === 1 ||
    selection.files.some(({ name, split }) =>
      split !== undefined || splitOfName(name) !== undefined
    );
  if (is_split) return { base: folder, selection };
  throw new Error(
    `${folder} has no dataset named train or validation; use the path of one of its folders`,
  );
}

/** The deepest folder that contains all files (absolute paths). */
function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? ".");
  const outside = (file: string) => relative(folder, file).startsWith("..");
  while (files.some(outside) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

const cache = new DigestCache();

/**
 * Digest of a file's content; for a saved Hugging Face dataset, which is a folder, of the files that decide which
 * records it has (links are followed).
 */
export function contentDigest(path: string): string {
  if (!Deno.statSync(path).isDirectory) return cache.digest(path);
  const digests = datasetFiles(path).map((name) => [name, cache.digest(join(path, name))]);
  return textDigest(JSON.stringify(digests));
}

/** Saves the digests computed so far for other processes. */
export function keepDigests(): void {
  cache.save();
}

/** Files named after a split, e.g. `train.jsonl.gz`, `test-00000-of-00002.parquet`, and those in folders so named. */
export interface SplitFiles {
  readonly train: readonly string[];
  readonly validation: readonly string[];
  /** What the folder has besides, for the log. */
  readonly beside: Beside;
}

/** What is not read, and remarks. */
export type Beside = Pick<FileSelection, "passed_over" | "notes">;

/** At the beginning of a name: other files of a data root are not data. */
const TRAIN = /^train(?![a-z])/i;
const VALIDATION = /^(validation|valid|val|dev|eval)(?![a-z])/i;
const TEST = /^test(?![a-z])/i;

/**
 * Finds the files of each split in a folder. Files named `test…` are the validation set if there is no other, and are
 * ignored otherwise. A folder `train/` counts as the files in it. Links are followed.
 *
 * @param format of the data, if known. Text files count only if it is `text`: otherwise they are a README or a licence
 *   beside the data.
 * @returns paths sorted by name; undefined if there is no such folder.
 * @throws {Error} for a folder named after a split without a readable file.
 */
export function findSplitFiles(folder: string, format?: RecordFormat): SplitFiles | undefined {
  if (!isFolder(folder)) return undefined;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const isData = (path: string) => {
    const known = formatOf(path);
    return known !== undefined && (known !== "text" || format === "text");
  };
  const passed_over = new Map<string, string>();
  const use = (path: string) => {
    if (!isFolder(path)) return isData(path) ? [path] : [];
    return listDataFiles(path, format).filter((file) => format !== undefined || isData(file));
  };
  const kinds = names.map((name): Split | "test" | undefined => {
    if (TRAIN.test(name)) return "train";
    return VALIDATION.test(name) ? "validation" : TEST.test(name) ? "test" : undefined;
  });
  const has_validation = names.some((name, i) =>
    kinds[i] === "validation" && use(join(folder, name)).length > 0
  );
  const files: Record<Split, string[]> = { train: [], validation: [] };
  for (const [i, name] of names.entries()) {
    const kind = kinds[i], is_other = kind === "test" && has_validation;
    const found = kind === undefined || is_other ? [] : use(join(folder, name));
    if (found.length === 0) {
      const why = checkName(name, { where: folder, formatOf: formatIn(folder, format) });
      passed_over.set(name, is_other ? "of the test split" : why ?? "outside the splits");
    }
    files[kind === "train" ? "train" : "validation"].push(...found);
  }
  const all = [...files.train, ...files.validation];
  const notes = shardsMissing(all.map((path) => relative(folder, path)), () => true);
  return { ...files, beside: { passed_over, notes } };
}

/** Whether a path is an `hf://…` URL. */
export function isHubPath(path: string): boolean {
  return path.startsWith("hf://");
}

/** The origins of a dataset that are on the hub. */
export function hubOrigins({ source }: Pick<DatasetCard, "source">): string[] {
  return source.origins.filter(isHubPath);
}
