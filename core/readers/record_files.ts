/**
 * The files that the paths of a record card stand for, with the names that documents and revisions know
 * them by.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Split } from "./card.ts";
import { DigestCache } from "./digest_cache.ts";
import { isFolder, listDataFiles } from "./file_set.ts";
import { formatOfName, isDatasetFolder } from "./formats.ts";
import { textDigest } from "./hash.ts";
import { datasetFiles } from "./hf_folder.ts";
import type { RecordFormat } from "./reading.ts";

/** Files, globs and folders, or such in a repository of the Hugging Face hub (`hf://org/name@revision/glob`). */
export type RecordPath = string | readonly string[];

/** Paths of all records, or by split. */
export type RecordPaths = RecordPath | { readonly [S in Split]?: RecordPath };

/** One file of a card. */
export interface RecordFile {
  /** The same on every machine: relative to the folder that all files of the card share. */
  readonly name: string;
  readonly path: string;
  /** Set where the paths are given by split. */
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

/**
 * Lists local files, those of each path in order. A saved dictionary of Hugging Face datasets counts as the
 * datasets in it, which are in the splits they are named after.
 *
 * @param max_files files that each path stands for at most, where they are trained on.
 * @throws {Error} when a path stands for no file.
 */
export function localFiles(
  paths: RecordPaths,
  format?: RecordFormat,
  max_files?: number,
): RecordFile[] {
  const found = pathsBySplit(paths).flatMap(({ path, split }) =>
    firstFiles(listDataFiles(path, format), split, max_files).flatMap((file) =>
      existsSync(join(file, "dataset_dict.json")) ? savedSplits(file, split) : { path: file, split }
    )
  );
  const root = commonFolder(found.map(({ path }) => resolve(path)));
  return found.map(({ path, split }) => ({
    name: relative(root, resolve(path)).replaceAll("\\", "/"),
    path,
    ...(split === undefined ? {} : { split }),
  }));
}

/** The first of the files of a path by name; all of those that are held out. */
export function firstFiles<T>(
  files: readonly T[],
  split?: Split,
  max_files?: number,
): readonly T[] {
  return split === "validation" ? files : files.slice(0, max_files);
}

function savedSplits(folder: string, wanted?: Split): { path: string; split: Split }[] {
  const files = findSplitFiles(folder)!;
  const splits = wanted === undefined ? ["train", "validation"] as const : [wanted];
  const found = splits.flatMap((split) => files[split].map((path) => ({ path, split })));
  if (found.length > 0) return found;
  throw new Error(
    `${folder} holds no dataset named after a split, as ${
      splits.join(" or ")
    }; name one of its folders`,
  );
}

/** The deepest folder that holds all files, which are given by absolute paths. */
function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? ".");
  const outside = (file: string) => relative(folder, file).startsWith("..");
  while (files.some(outside) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

const cache = new DigestCache();

/**
 * A digest of a file's content. A saved Hugging Face dataset is a folder, and its digest covers the files that
 * decide what is read of it, wherever links among them lead.
 */
export function contentDigest(path: string): string {
  if (!Deno.statSync(path).isDirectory) return cache.digest(path);
  const digests = datasetFiles(path).map((name) => [name, cache.digest(join(path, name))]);
  return textDigest(JSON.stringify(digests));
}

/** Keeps the digests made so far for other processes. */
export function keepDigests(): void {
  cache.save();
}

/**
 * Files of a folder that are named after a split, as `train.jsonl.gz` and `test-00000-of-00002.parquet`, and those
 * in folders so named.
 */
export interface SplitFiles {
  readonly train: readonly string[];
  readonly validation: readonly string[];
}

const TRAIN = /^train(?![a-z])/i;
const VALIDATION = /^(validation|valid|val|dev|eval)(?![a-z])/i;
const TEST = /^test(?![a-z])/i;

/**
 * Finds the files of each split in a folder. Files named `test…` are the validation set where none is named
 * so, and are left alone otherwise. A folder `train/` counts as the files in it. Links are followed.
 *
 * @param format of the data, if one is named. Text files count only where it is `text`: else they are a README
 *   or a licence beside the data.
 * @returns paths sorted by name; undefined where there is no such folder.
 * @throws {Error} for a folder named after a split that holds no readable file.
 */
export function findSplitFiles(folder: string, format?: RecordFormat): SplitFiles | undefined {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  const names = entries.map(({ name }) => name).sort();
  const isData = (path: string) => {
    const known = isDatasetFolder(path) ? "hf_dataset" : formatOfName(path);
    return known !== undefined && (known !== "text" || format === "text");
  };
  const within = (path: string) =>
    listDataFiles(path, format).filter((file) => format !== undefined || isData(file));
  const named = (pattern: RegExp) =>
    names.filter((name) => pattern.test(name)).map((name) => join(folder, name))
      .flatMap((path) => isFolder(path) ? within(path) : isData(path) ? [path] : []);
  const validation = named(VALIDATION);
  return { train: named(TRAIN), validation: validation.length > 0 ? validation : named(TEST) };
}
