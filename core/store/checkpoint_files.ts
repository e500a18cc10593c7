/**
 * Checkpoints of an unfinished step on disk, below `work/<key>/`:
 *
 *     step-<n>/             one to resume from: its files, and `checkpoint.json` with their digests
 *     step-<n>.old/         the one before, while step n is saved a second time
 *     kept/step-<n>.json    one that is kept: a list of files, which are objects of the store
 *     filling/              one that is being written
 *
 * A checkpoint is complete once it has its name. Everything here is synchronous, since it mostly runs in a thread of
 * its own (`checkpoint_worker.ts`).
 *
 * @module
 */
import { dirname, join } from "node:path";
import { assertFileName, type FileEntry } from "./artifact.ts";
import { commit, removeIfPresent, writeAtomic } from "./atomic.ts";
import { canonicalJson, sha256 } from "./manifest.ts";
import { listFolder, listFolders, type Store } from "./store.ts";

/** Name of the list of files within a checkpoint's folder. */
export const INDEX = "checkpoint.json";
const OLD = ".old";

/** Digests of the files of a checkpoint in a folder. */
export interface Index {
  step: number;
  files: Record<string, string>;
}

/** The list of files of a kept checkpoint. */
export interface KeptList {
  step: number;
  files: FileEntry[];
}

/** Files of a checkpoint, by name. */
export type CheckpointFiles = Readonly<Record<string, Uint8Array>>;

/** Writes a checkpoint to resume from, and removes those before it. */
export function writeTemporary(folder: string, step: number, files: CheckpointFiles): void {
  check(step, files);
  const older = completeFolders(folder);
  const filling = join(folder, "filling");
  removeIfPresent(filling);
  try {
    fill(filling, step, files);
  } catch (error) {
    // The disk may be full: leave no partial checkpoint on it.
    removeIfPresent(filling);
    throw error;
  }
  const name = folderName(step);
  const place = join(folder, name);
  // At any moment there is one complete checkpoint under a name that `completeFolders` finds.
  if (older.includes(name)) {
    removeIfPresent(place + OLD);
    Deno.renameSync(place, place + OLD);
  }
  commit(filling, place);
  removeIfPresent(place + OLD);
  older.filter((other) => other !== name).forEach((other) => removeIfPresent(join(folder, other)));
}

function fill(folder: string, step: number, files: CheckpointFiles): void {
  Deno.mkdirSync(folder, { recursive: true });
  const index: Index = { step, files: {} };
  for (const [name, bytes] of Object.entries(files)) {
    Deno.mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeAtomic(join(folder, name), bytes);
    index.files[name] = sha256(bytes);
  }
  writeAtomic(join(folder, INDEX), canonicalJson(index));
}

/**
 * Stores the files of a kept checkpoint as objects, then writes their list.
 *
 * @returns digests of the objects.
 */
export function writeKept(
  store: Store,
  folder: string,
  step: number,
  files: CheckpointFiles,
): string[] {
  check(step, files);
  Deno.mkdirSync(join(folder, "kept"), { recursive: true });
  const list: KeptList = {
    step,
    files: Object.entries(files).map(([name, bytes]) => ({ name, ...store.put(bytes) })),
  };
  writeAtomic(join(folder, "kept", `${folderName(step)}.json`), canonicalJson(list));
  return list.files.map(({ digest }) => digest);
}

function check(step: number, files: CheckpointFiles): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new TypeError(`checkpoint step must be an integer >= 0, got ${step}`);
  }
  for (const name of Object.keys(files)) {
    assertFileName(name);
    if (name === INDEX) throw new TypeError(`a checkpoint file cannot be named ${INDEX}`);
  }
}

const folderName = (step: number) => `step-${String(step).padStart(12, "0")}`;

/** Step of a complete checkpoint, from the name of its folder or list. */
export const stepOf = (name: string) => Number(/^step-(\d+)/.exec(name)![1]);

/**
 * Names of complete checkpoints to resume from, the newest last. Of two of the same step, the replaced one comes first.
 */
export function completeFolders(folder: string): string[] {
  const rank = (name: string) => name.endsWith(OLD) ? name : `${name}.saved`;
  return listFolders(folder).filter((name) => /^step-\d+(\.old)?$/.test(name))
    .sort((a, b) => rank(a) > rank(b) ? 1 : -1);
}

/** Paths of the lists of kept checkpoints, in the order of their steps. */
export function keptLists(folder: string): string[] {
  const kept = join(folder, "kept");
  return listFolder(kept).filter((name) => /^step-\d+\.json$/.test(name))
    .map((name) => join(kept, name));
}

/** Parses a list of files; undefined when it is not JSON. */
export function parseList<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
