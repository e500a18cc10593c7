/**
 * Checkpoints of an unfinished step on disk, below `work/<key>/`:
 *
 *     step-<n>/             one to resume from: its files, and their list, `checkpoint.json`
 *     step-<n>.old/         the one before, while step n is saved a second time
 *     kept/step-<n>.json    one that is kept: a list of files, which are objects of the store
 *     rows/<name>           what all of them have the beginning of (checkpoint_rows.ts)
 *     filling/              one that is being written
 *
 * A checkpoint is complete once it has its name. Everything here is synchronous, since it mostly runs in a thread of
 * its own (`checkpoint_worker.ts`).
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { NewRows } from "../stage/mod.ts";
import { assertFileName, type FileEntry } from "./artifact.ts";
import { commit, makeFolder, readIfPresent, removeIfPresent, writeAtomic } from "./atomic.ts";
import { RowsFile, type RowsSoFar } from "./checkpoint_rows.ts";
import { sealed, sha256, unsealed } from "./manifest.ts";
import { listFolder, listFolders, type Store } from "./store.ts";

/** Name of the list of files within a checkpoint's folder. */
export const LIST = "checkpoint.json";
const OLD = ".old";

/** Version of everything below `work/`. Version 1 had all measurements in every checkpoint. */
const FORMAT = 2;

/** What a checkpoint consists of. */
export interface CheckpointList {
  format: number;
  step: number;
  /** In its folder; of one that is kept, objects of the store. */
  files: FileEntry[];
  rows?: RowsSoFar;
}

/** What a checkpoint is made from. */
export interface CheckpointContent {
  readonly step: number;
  /** Files by name. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly rows?: NewRows;
}

/** Writes the checkpoints of one step. */
export class CheckpointFolder {
  readonly #rows = new Map<string, RowsFile>();

  constructor(private readonly folder: string) {}

  /** Writes a checkpoint to resume from, and removes those before it. */
  writeTemporary(content: CheckpointContent): void {
    check(content);
    const { folder } = this, { step } = content;
    const older = completeFolders(folder);
    const filling = join(folder, "filling");
    removeIfPresent(filling);
    try {
      this.#fill(filling, content);
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
    older.filter((other) => other !== name).forEach((other) =>
      removeIfPresent(join(folder, other))
    );
  }

  #fill(filling: string, { step, files, rows }: CheckpointContent): void {
    makeFolder(this.folder);
    Deno.mkdirSync(filling); // flushed once it has its name
    const list = this.#list(step, rows, files, (name, bytes) => {
      makeFolder(dirname(join(filling, name)));
      writeAtomic(join(filling, name), bytes);
      return { digest: sha256(bytes), bytes: bytes.length };
    });
    writeAtomic(join(filling, LIST), sealed(list));
  }

  /**
   * Stores the files of a kept checkpoint as objects, then writes their list.
   *
   * @returns digests of the objects.
   */
  writeKept(store: Store, content: CheckpointContent): string[] {
    check(content);
    const { step, files, rows } = content;
    makeFolder(join(this.folder, "kept"));
    const list = this.#list(step, rows, files, (_, bytes) => store.put(bytes));
    writeAtomic(join(this.folder, "kept", `${folderName(step)}.json`), sealed(list));
    return list.files.map(({ digest }) => digest);
  }

  #list(
    step: number,
    rows: NewRows | undefined,
    files: CheckpointContent["files"],
    write: (name: string, bytes: Uint8Array) => Omit<FileEntry, "name">,
  ): CheckpointList {
    return {
      format: FORMAT,
      step,
      files: Object.entries(files).map(([name, bytes]) => ({ name, ...write(name, bytes) })),
      rows: rows && this.#append(rows),
    };
  }

  #append(rows: NewRows): RowsSoFar {
    const file = this.#rows.get(rows.name) ?? new RowsFile(rowsPath(this.folder, rows.name));
    this.#rows.set(rows.name, file);
    return file.append(rows);
  }
}

function check({ step, files, rows }: CheckpointContent): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new TypeError(`checkpoint step must be an integer >= 0, got ${step}`);
  }
  const names = Object.keys(files);
  for (const name of rows ? [...names, rows.name] : names) {
    assertFileName(name);
    if (name === LIST) throw new TypeError(`a checkpoint file cannot be named ${LIST}`);
  }
}

/** Path of a file of rows. */
export const rowsPath = (folder: string, name: string) => join(folder, "rows", name);

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

/**
 * The list of a checkpoint; undefined when it is missing or damaged.
 *
 * @throws {Error} when another version wrote it.
 */
export function readList(path: string): CheckpointList | undefined {
  const text = readIfPresent(path) ?? "";
  const list = unsealed<CheckpointList>(text);
  const format = list?.format ?? (isOfFormat1(text) ? 1 : undefined);
  if (format === undefined || format === FORMAT) return list;
  throw new Error(
    `${path} is of checkpoint format ${format}, and this version reads ${FORMAT}: finish the ` +
      "step with the version that began it, or delete the folder of its checkpoints to start it over",
  );
}

/** Format 1 had no number and no digest of its own. */
function isOfFormat1(text: string): boolean {
  try {
    return Object.keys(JSON.parse(text)).sort().join() === "files,step";
  } catch {
    return false;
  }
}
