/**
 * Records of files in any format, and the files that a path, folder or glob means.
 *
 * @module
 */
import { extname, join } from "node:path";
import { compileGlob } from "../hub/mod.ts";
import { missingFile } from "./file_bytes.ts";
import { formatOf, FORMATS, KNOWN_ENDINGS, type RecordFormat } from "./formats.ts";
import { isDatasetFolder } from "./hf_folder.ts";
import { type DataRecord, Reading, type ReadingOptions } from "./reading.ts";

export interface ReadOptions extends ReadingOptions {
  /** The format by the ending of each file's name if left out. */
  format?: RecordFormat;
}

/**
 * Streams the records of a file, folder or glob (see {@link listDataFiles}), files in order of their names and records
 * in order of their rows. Formats: see `FORMATS`. Memory is bounded whatever the size of the file: by one record of a
 * text format, the compressed columns of a row group of Parquet, or a record batch of Arrow.
 *
 * @throws {Error} `file:row: …` for a record that cannot be read, unless `on_error` is `"skip"`; for a missing file, an
 *   unknown format, and a folder with several splits when none is named.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readRecords } from "./records.ts";
 * const file = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(file, '{"text":"one"}\nnot JSON\n{"text":"two"}\n');
 * const texts = [];
 * const skipped: string[] = [];
 * const onSkip = (message: string) => skipped.push(message);
 * for await (const { row, value } of readRecords(file, { on_error: "skip", onSkip })) {
 *   texts.push(`${row} ${value.text}`);
 * }
 * assert.deepEqual(texts, ["1 one", "3 two"]);
 * assert.ok(skipped[0].startsWith(`${file}:2: not valid JSON`));
 * await Deno.remove(file);
 * ```
 */
export async function* readRecords(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<DataRecord> {
  const reading = new Reading(options);
  for (const file of listDataFiles(path, options.format)) {
    reading.throwIfAborted();
    const format = options.format ?? formatOf(file);
    if (format === undefined) {
      throw new Error(
        `${file}: unknown file type "${extname(file)}"; set "format" or use one of ${
          KNOWN_ENDINGS.join(" ")
        }`,
      );
    }
    yield* FORMATS[format].readFile(file, reading);
  }
}

/**
 * Lists the files of a path, folder or glob, sorted by code unit, so in the same order on every machine.
 *
 * A folder means all readable files in it and below; a folder saved by Hugging Face `datasets` counts as one file.
 * Hidden files are skipped unless named directly. Links to files and folders are followed, except a link to a folder
 * that contains it; a broken link counts as a file, so that reading it names what is missing.
 *
 * @param pattern a path, or a glob: `*` and `?` within a name, `**` across folders, `{a,b}` for alternatives.
 * @param format if given, a folder means its files of that format; for `text`, all its files.
 * @throws {Error} when there are none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { listDataFiles } from "./records.ts";
 * const here = import.meta.dirname!;
 * assert.deepEqual(listDataFiles(`${here}/records.{ts,js}`), [`${here}/records.ts`]);
 * ```
 */
export function listDataFiles(pattern: string, format?: RecordFormat): string[] {
  const stat = statOrUndefined(pattern);
  if (stat?.isFile) return [pattern];
  if (stat?.isDirectory) return filesOfFolder(pattern, format);
  const alternatives = expandBraces(pattern);
  if (alternatives.length === 1 && !/[*?]/.test(alternatives[0])) throw missingFile(pattern);
  const found = [...new Set(alternatives.flatMap(matches))].sort();
  if (found.length === 0) {
    throw new Error(`no file matches ${pattern}; check the path in the recipe`);
  }
  return found;
}

function filesOfFolder(folder: string, format: RecordFormat | undefined): string[] {
  if (isDatasetFolder(folder) && (format ?? "hf_dataset") === "hf_dataset") return [folder];
  const wanted = (path: string) => {
    const found = formatOf(path);
    if (format === undefined) return found !== undefined;
    return found === format || (format === "text" && found !== "hf_dataset");
  };
  const found = [...walk(folder)].filter(wanted).sort();
  if (found.length === 0) {
    throw new Error(
      `folder ${folder} has no readable file; expected ${
        format === undefined ? `one of ${KNOWN_ENDINGS.join(" ")}` : `format ${format}`
      }`,
    );
  }
  return found;
}

/**
 * Files below a folder; a saved dataset counts as one.
 *
 * @param above real paths of the folders that contain it: a link back to one of them would be a cycle.
 */
function* walk(folder: string, above: readonly string[] = []): Generator<string> {
  const real = Deno.realPathSync(folder === "" ? "." : folder);
  if (above.includes(real)) return;
  for (const entry of Deno.readDirSync(real)) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const target = entry.isSymlink ? statOrUndefined(path) : entry;
    if (target === undefined || target.isFile) yield path;
    else if (target.isDirectory) {
      if (isDatasetFolder(path)) yield path;
      else yield* walk(path, [...above, real]);
    }
  }
}

/** Whether a path is a folder or a link to one. */
export function isFolder(path: string): boolean {
  return statOrUndefined(path)?.isDirectory ?? false;
}

/** Files matching a glob without braces. */
function matches(glob: string): string[] {
  if (!/[*?]/.test(glob)) return statOrUndefined(glob)?.isFile ? [glob] : [];
  const parts = glob.split("/");
  const fixed = parts.slice(0, parts.findIndex((part) => /[*?]/.test(part))).join("/");
  const folder = fixed === "" && glob.startsWith("/") ? "/" : fixed;
  if (folder !== "" && !statOrUndefined(folder)?.isDirectory) return [];
  return [...walk(folder)].filter(compileGlob(join(glob)));
}

/** `a{b,c}` → `ab`, `ac`; innermost braces first. */
function expandBraces(pattern: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(pattern);
  if (braces === null) return [pattern];
  const [whole, choices] = braces;
  const before = pattern.slice(0, braces.index);
  const after = pattern.slice(braces.index + whole.length);
  return choices.split(",").flatMap((choice) => expandBraces(before + choice + after));
}

function statOrUndefined(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    const { NotFound, NotADirectory, FilesystemLoop } = Deno.errors;
    if ([NotFound, NotADirectory, FilesystemLoop].some((kind) => error instanceof kind)) {
      return undefined;
    }
    throw error;
  }
}
