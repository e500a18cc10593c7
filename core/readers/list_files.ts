/**
 * The files that a path, folder or glob on this machine means.
 *
 * @module
 */
import { join } from "node:path";
import { compileGlob, snapshotFolder } from "../hub/mod.ts";
import { missingFile } from "./file_bytes.ts";
import { checkName } from "./file_names.ts";
import { formatOf, KNOWN_ENDINGS, type RecordFormat } from "./formats.ts";
import { isDatasetFolder } from "./hf_folder.ts";
import { atOnce, type Pieces } from "./turns.ts";

/** What is at a path. */
export interface Listing {
  readonly kind: "file" | "folder" | "glob";
  /** The folder that names are relative to; empty for the working directory. */
  readonly base: string;
  /** Paths below `base`, sorted by code unit; a folder saved by Hugging Face `datasets` counts as one file. */
  readonly names: readonly string[];
  /** Of a glob: the pattern below `base`. */
  readonly glob?: string;
}

/**
 * Lists the files of a path, folder or glob, in the same order on every machine.
 *
 * A folder means all files in it and below, hidden ones too; the folder of a repository in the cache of Hugging Face
 * means its snapshot. Links to files and folders are followed, except a link to a folder that contains it; a broken
 * link counts as a file, so that reading it names what is missing.
 *
 * @param pattern a path, or a glob: `*` and `?` within a name, `**` across folders, `{a,b}` for alternatives. Folders
 *   that exist are taken literally, whatever their names contain. A glob does not match hidden files.
 * @throws {Error} for a missing file, a glob that matches nothing, and names that are not UTF-8.
 */
export function* listPath(pattern: string): Pieces<Listing> {
  const stat = statOrUndefined(pattern);
  if (stat?.isFile || (stat?.isDirectory && isDatasetFolder(pattern))) {
    return { kind: "file", base: "", names: [pattern] };
  }
  if (stat?.isDirectory) {
    const base = snapshotFolder(pattern);
    return { kind: "folder", base, names: yield* namesBelow(base, true) };
  }
  const { base, rest } = splitGlob(pattern);
  const alternatives = expandBraces(rest);
  if (alternatives.length === 1 && !/[*?]/.test(rest)) throw missingFile(pattern);
  const found = new Set<string>();
  for (const glob of alternatives) {
    for (const name of yield* matches(base, glob)) found.add(name);
  }
  const names = [...found].sort();
  if (names.length === 0) {
    throw new Error(`no file matches ${pattern}; check the path in the recipe`);
  }
  return { kind: "glob", base, names, glob: rest };
}

/**
 * Lists the data files of a path, folder or glob, whatever their splits. In a folder, hidden files, cards and licences
 * are left out.
 *
 * @param format if given, a folder means its files of that format; for `text`, all its files.
 * @throws {Error} when there are none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { listDataFiles } from "./list_files.ts";
 * const here = import.meta.dirname!;
 * assert.deepEqual(listDataFiles(`${here}/records.{ts,js}`), [`${here}/records.ts`]);
 * ```
 */
export function listDataFiles(pattern: string, format?: RecordFormat): string[] {
  return atOnce(dataFiles(pattern, format));
}

/** The same in pieces. */
export function* dataFiles(pattern: string, format?: RecordFormat): Pieces<string[]> {
  const { kind, base, names } = yield* listPath(pattern);
  if (kind !== "folder") return names.map((name) => join(base, name));
  const check = { where: pattern, formatOf: formatIn(base, format) };
  const found: string[] = [];
  for (const name of names) {
    if (checkName(name, check) === undefined) found.push(join(base, name));
    yield;
  }
  if (found.length === 0) throw nothingReadable(pattern, format);
  return found;
}

/** The format in which a file of a folder is read, given the one that the recipe names. */
export function formatIn(base: string, format?: RecordFormat) {
  // Asked several times for each file, and each time it would look at the disk.
  const known = new Map<string, RecordFormat | undefined>();
  const look = (name: string) => {
    const found = formatOf(join(base, name));
    if (format === undefined || found === format) return found;
    return format === "text" && found !== "hf_dataset" ? "text" : undefined;
  };
  return (name: string): RecordFormat | undefined => {
    if (!known.has(name)) known.set(name, look(name));
    return known.get(name);
  };
}

/** @param others what the folder has instead, with the reasons why it is not read. */
export function nothingReadable(
  folder: string,
  format?: RecordFormat,
  others: ReadonlyMap<string, string> = new Map(),
): Error {
  const expected = format === undefined ? `one of ${KNOWN_ENDINGS.join(" ")}` : `format ${format}`;
  const [first] = [...others].map(([name, why]) => `${name} (${why})`);
  const has = first === undefined
    ? ""
    : `; it has ${first}${others.size > 1 ? ` and ${others.size - 1} more` : ""}`;
  return new Error(`folder ${folder} has no readable file; expected ${expected}${has}`);
}

/** Whether a path is a folder or a link to one. */
export function isFolder(path: string): boolean {
  return statOrUndefined(path)?.isDirectory ?? false;
}

/** Paths of the files below a folder, relative to it, sorted. */
function* namesBelow(folder: string, hidden: boolean): Pieces<string[]> {
  const start = folder === "" ? 0 : join(folder, "x").length - 1;
  const names: string[] = [];
  for (const path of walk(folder, hidden)) {
    names.push(path.slice(start).replaceAll("\\", "/"));
    yield;
  }
  return names.sort();
}

/**
 * Files below a folder; a saved dataset counts as one.
 *
 * @param hidden whether hidden files are listed; hidden folders count as one.
 * @param above real paths of the folders that contain it: a link back to one of them would be a cycle.
 */
function* walk(
  folder: string,
  hidden: boolean,
  above: readonly string[] = [],
): Generator<string> {
  const real = Deno.realPathSync(folder === "" ? "." : folder);
  if (above.includes(real)) return;
  for (const entry of Deno.readDirSync(real)) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".")) {
      if (hidden) yield path;
      continue;
    }
    const target = entry.isSymlink ? statOrUndefined(path) : entry;
    if (entry.name.includes("\ufffd") && statOrUndefined(path) === undefined && !entry.isSymlink) {
      throw new Error(
        `the name of ${path} is not UTF-8 (\ufffd stands for other bytes); rename it, e.g. with convmv`,
      );
    }
    if (target === undefined || target.isFile) yield path;
    else if (target.isDirectory) {
      if (isDatasetFolder(path)) yield path;
      else yield* walk(path, hidden, [...above, real]);
    }
  }
}

/** A pattern as the folders before the first one that does not exist, and the rest. */
function splitGlob(pattern: string): { base: string; rest: string } {
  const parts = pattern.split("/");
  let count = 0;
  while (count < parts.length - 1) {
    const folder = parts.slice(0, count + 1).join("/") || "/";
    if (!isFolder(folder)) break;
    count++;
  }
  const base = parts.slice(0, count).join("/");
  return { base: base === "" && count > 0 ? "/" : base, rest: parts.slice(count).join("/") };
}

/** Files below a folder that match a glob without braces. */
function* matches(base: string, glob: string): Pieces<string[]> {
  if (!/[*?]/.test(glob)) return statOrUndefined(join(base, glob))?.isFile ? [glob] : [];
  const parts = glob.split("/");
  const fixed = parts.slice(0, parts.findIndex((part) => /[*?]/.test(part))).join("/");
  const folder = fixed === "" ? base : join(base, fixed);
  if (folder !== "" && !isFolder(folder)) return [];
  const prefix = fixed === "" ? "" : `${join(fixed)}/`;
  const names = yield* namesBelow(folder, false);
  return names.map((name) => prefix + name).filter(compileGlob(join(glob)));
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
