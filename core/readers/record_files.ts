/**
 * The files that the paths of a record card mean, on this machine and on the Hugging Face hub, with the names that
 * documents and revisions use for them.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import {
  downloadFile,
  formatHubUrl,
  type HubFile,
  hubOptionsFromEnvironment,
  type HubSnapshot,
  parseHubUrl,
  resolveSnapshot,
} from "../hub/mod.ts";
import type { DocumentOptions, Split } from "./card.ts";
import { DigestCache, textDigest } from "./digests.ts";
import { formatOf, formatOfName, type RecordFormat } from "./formats.ts";
import { datasetFiles } from "./hf_folder.ts";
import { isFolder, listDataFiles } from "./records.ts";

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

/**
 * Lists local files, those of each path in order. A saved dictionary of Hugging Face datasets counts as the
 * datasets in it, in the splits they are named after.
 *
 * @param max_files most training files of each path.
 * @throws {Error} when a path matches no file.
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

/** The first training files of a path by name; all validation files. */
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
    `${folder} has no dataset named ${splits.join(" or ")}; use the path of one of its folders`,
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
}

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
  const within = (path: string) =>
    listDataFiles(path, format).filter((file) => format !== undefined || isData(file));
  const named = (pattern: RegExp) =>
    names.filter((name) => pattern.test(name)).map((name) => join(folder, name))
      .flatMap((path) => isFolder(path) ? within(path) : isData(path) ? [path] : []);
  const validation = named(VALIDATION);
  return { train: named(TRAIN), validation: validation.length > 0 ? validation : named(TEST) };
}

/** Whether a path is an `hf://…` URL. */
export function isHubPath(path: string): boolean {
  return path.startsWith("hf://");
}

/** Matching files of one repository at one commit. */
interface Selection extends HubSnapshot {
  readonly split?: Split;
}

/**
 * What is part of a revision: each repository with its commit (`hf://org/name@commit`), and the name and digest of each
 * file.
 *
 * @throws {HubError} when a repository or revision is not available, or no file matches.
 */
export async function hubRevision(
  paths: RecordPaths,
  format?: RecordFormat,
  max_files?: number,
): Promise<{ commits: string[]; files: unknown[] }> {
  const selections = await select(paths, format, max_files);
  const commits = selections.map(({ repo, commit }) => formatHubUrl({ repo, revision: commit }));
  const files = selections.flatMap(({ repo, split, files }) =>
    files.map(({ path, digest }) => [split, `${repo}/${path}`, digest])
  );
  return { commits: [...new Set(commits)], files };
}

/** Downloads the files one after the other, each when the one before has been read, and none twice. */
export async function* hubFiles(
  paths: RecordPaths,
  format: RecordFormat | undefined,
  max_files: number | undefined,
  { signal, log }: DocumentOptions,
): AsyncGenerator<RecordFile> {
  for (const { repo, commit, files, split } of await select(paths, format, max_files)) {
    for (const file of files) {
      signal?.throwIfAborted();
      const path = await downloadFile({ repo, commit }, file, {
        signal,
        ...(log === undefined ? {} : { log }),
        onProgress: announceOnce(repo, log),
      });
      yield { name: `${repo}/${file.path}`, path, ...(split === undefined ? {} : { split }) };
    }
  }
}

function announceOnce(repo: string, log?: (message: string) => void) {
  let announced = false;
  return (_done: number, bytes: number, { path }: HubFile) => {
    if (!announced) log?.(`downloading ${path} of ${repo} (${(bytes / 1e6).toFixed(1)} MB)`);
    announced = true;
  };
}

async function select(
  paths: RecordPaths,
  format?: RecordFormat,
  max_files?: number,
): Promise<Selection[]> {
  const found: Selection[] = [];
  for (const { path: url, split } of pathsBySplit(paths)) {
    const { repo, commit, files } = await snapshotOf(url);
    const wanted = files.filter(({ path }) => isWanted(path, url, format));
    if (wanted.length === 0) {
      throw new Error(`${url} matches no file of a known type; set "format"`);
    }
    const files_of_split = firstFiles(wanted, split, max_files);
    found.push({ repo, commit, files: files_of_split, ...(split === undefined ? {} : { split }) });
  }
  return found;
}

/** Text files that a glob or a whole repository matches are a README and the like, and not data. */
function isWanted(path: string, url: string, format?: RecordFormat): boolean {
  if (format !== undefined || parseHubUrl(url).pattern === path) return true;
  const known = formatOfName(path);
  return known !== undefined && known !== "text";
}

/**
 * Snapshots of this process: the files that are read must be those that the revision was computed from, even if a
 * branch has moved meanwhile.
 */
const snapshots = new Map<string, Promise<HubSnapshot>>();

function snapshotOf(url: string): Promise<HubSnapshot> {
  const { endpoint, cache } = hubOptionsFromEnvironment();
  const key = JSON.stringify([url, endpoint, cache]);
  let snapshot = snapshots.get(key);
  if (snapshot === undefined) {
    snapshot = resolveSnapshot(parseHubUrl(url));
    snapshots.set(key, snapshot);
    snapshot.catch(() => snapshots.delete(key));
  }
  return snapshot;
}
