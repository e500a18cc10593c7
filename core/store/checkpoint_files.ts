/**
 * Checkpoints of an unfinished step on disk, below `work/<key>/`:
 *
 *     step-<n>/             one that lets an interrupted run go on: its files, and `checkpoint.json` with their digests
 *     step-<n>.old/         the one before, while step n is saved a second time
 *     kept/step-<n>.json    one that stays: a list of files, which are objects of the store already
 *     filling/              one that is being written
 *
 * A checkpoint is complete once it has its name. All of this is synchronous, since it mostly runs in a thread of its
 * own (`checkpoint_worker.ts`).
 *
 * @module
 */
import { dirname, join } from "node:path";
import { assertFileName, type FileEntry } from "./artifact.ts";
import { commit, removeIfPresent, writeAtomic } from "./atomic.ts";
import { canonicalJson, sha256 } from "./canonical.ts";
import { listFolder, listFolders, type Store } from "./store.ts";

/** Name of the list of files within a checkpoint's folder. */
export const INDEX = "checkpoint.json";
const OLD = ".old";

/** Digests of the files of a checkpoint in a folder. */
export interface Index {
  step: number;
  files: Record<string, string>;
}

/** A checkpoint that stays. */
export interface KeptNote {
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
    // The disk may be full: leave no half of a checkpoint on it.
    removeIfPresent(filling);
    throw error;
  }
  const name = folderName(step);
  const place = join(folder, name);
  // At any moment one complete checkpoint stands under a name that is looked at.
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
 * Stores the files of a checkpoint that stays as objects, then notes them.
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
  const note: KeptNote = {
    step,
    files: Object.entries(files).map(([name, bytes]) => ({ name, ...store.put(bytes) })),
  };
  writeAtomic(join(folder, "kept", `${folderName(step)}.json`), canonicalJson(note));
  return note.files.map(({ digest }) => digest);
}

function check(step: number, files: CheckpointFiles): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new TypeError(`checkpoint step ${step} is not an integer of 0 or more`);
  }
  for (const name of Object.keys(files)) {
    assertFileName(name);
    if (name === INDEX) throw new TypeError(`a checkpoint file cannot be named ${INDEX}`);
  }
}

const folderName = (step: number) => `step-${String(step).padStart(12, "0")}`;

/** Step of a complete checkpoint, from the name of its folder or note. */
export const stepOf = (name: string) => Number(/^step-(\d+)/.exec(name)![1]);

/**
 * Names of complete checkpoints to resume from, the newest last; of two of one step the one that was to be replaced
 * comes first.
 */
export function completeFolders(folder: string): string[] {
  const rank = (name: string) => name.endsWith(OLD) ? name : `${name}.saved`;
  return listFolders(folder).filter((name) => /^step-\d+(\.old)?$/.test(name))
    .sort((a, b) => rank(a) > rank(b) ? 1 : -1);
}

/** Paths of the notes of checkpoints that stay, in the order of their steps. */
export function keptNotes(folder: string): string[] {
  const kept = join(folder, "kept");
  return listFolder(kept).filter((name) => /^step-\d+\.json$/.test(name))
    .map((name) => join(kept, name));
}

/** Reads a note or an index; undefined when its text is no JSON. */
export function parseList<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
