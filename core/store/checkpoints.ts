/**
 * Checkpoints of a running step (`checkpoint_files.ts` has their layout).
 *
 * @module
 */
import { basename, join } from "node:path";
import type { FileEntry } from "./artifact.ts";
import type {
  Checkpoints,
  CheckpointWriter,
  DeferredCheckpoint,
  KeptCheckpoint,
  SavedCheckpoint,
} from "../stage/mod.ts";
import { removeIfPresent } from "./atomic.ts";
import {
  type CheckpointContent,
  CheckpointFolder,
  type CheckpointList,
  completeFolders,
  keptLists,
  LIST,
  readList,
  rowsPath,
  stepOf,
} from "./checkpoint_files.ts";
import { RowsFile } from "./checkpoint_rows.ts";
import { Store } from "./store.ts";
import { VerifiedFiles } from "./verified_files.ts";

export class StoredCheckpoints implements Checkpoints {
  readonly #store: Store;
  readonly #writing: CheckpointFolder;
  /** Knows which objects of kept checkpoints need not be read again. */
  readonly #files = new VerifiedFiles();

  /**
   * @param folder the step's own folder below `work/`, created with the first checkpoint.
   * @param onDamage called when a checkpoint is skipped because its files are damaged.
   */
  constructor(
    private readonly folder: string,
    private readonly onDamage: (message: string) => void = () => {},
  ) {
    this.#store = new Store(join(folder, "..", ".."));
    this.#writing = new CheckpointFolder(folder);
  }

  async latest(): Promise<SavedCheckpoint | undefined> {
    const kept = (await this.kept()).at(-1);
    const rows = this.#rowsFiles(), files = new VerifiedFiles();
    for (const name of completeFolders(this.folder).reverse()) {
      if (kept && kept.step >= stepOf(name)) break;
      const path = join(this.folder, name);
      const pathOf = (file: FileEntry) => join(path, file.name);
      const found = await this.#open(join(path, LIST), name, pathOf, rows, files);
      if (found) return found;
      this.#drop(path, name);
    }
    return kept;
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async save(
    step: number,
    files: CheckpointContent["files"],
    rows?: CheckpointContent["rows"],
  ): Promise<void> {
    this.#writing.writeTemporary({ step, files, rows });
  }

  async kept(): Promise<KeptCheckpoint[]> {
    const checkpoints: KeptCheckpoint[] = [];
    const rows = this.#rowsFiles();
    for (const path of keptLists(this.folder)) {
      const pathOf = ({ digest }: FileEntry) => this.#store.objectPath(digest);
      const found = await this.#open(path, basename(path), pathOf, rows, this.#files);
      if (found) checkpoints.push(found);
      else this.#drop(path, `of step ${stepOf(basename(path))}`);
    }
    return checkpoints;
  }

  openWriter(encoder: string): CheckpointWriter {
    return new ThreadedWriter(encoder, this.#store.root, this.folder, (digests) => {
      digests.forEach((digest) => this.#files.trust(this.#store.objectPath(digest), digest));
    });
  }

  /**
   * The checkpoint of a list; undefined when the list or anything it names is damaged, or it is not of its name's step.
   */
  async #open(
    path: string,
    name: string,
    pathOf: (file: FileEntry) => string,
    rowsOf: (name: string) => RowsFile,
    files: VerifiedFiles,
  ): Promise<KeptCheckpoint | undefined> {
    const list = readList(path);
    if (list?.step !== stepOf(name)) return undefined;
    const { rows } = list;
    if (rows && rowsOf(rows.name).digest(rows.bytes) !== rows.sha256) return undefined;
    for (const file of list.files) {
      if (await files.check(pathOf(file), file.digest) !== "intact") return undefined;
    }
    return openCheckpoint(list, pathOf, (name) => rowsPath(this.folder, name));
  }

  /** Files of rows, each read once for all checkpoints. */
  #rowsFiles(): (name: string) => RowsFile {
    const files = new Map<string, RowsFile>();
    return (name) => {
      const file = files.get(name) ?? new RowsFile(rowsPath(this.folder, name));
      files.set(name, file);
      return file;
    };
  }

  #drop(path: string, name: string): void {
    this.onDamage(`checkpoint ${name} is damaged; it is not used`);
    removeIfPresent(path);
  }
}

function openCheckpoint(
  { step, files, rows }: CheckpointList,
  pathOf: (file: FileEntry) => string,
  rowsPathOf: (name: string) => string,
): KeptCheckpoint {
  const names = files.map(({ name }) => name);
  const path = (name: string) => {
    const found = files.find((file) => file.name === name);
    if (found) return pathOf(found);
    throw new Error(`the checkpoint has no file "${name}"; its files are ${names.join(", ")}`);
  };
  const read = async (name: string) => {
    if (name !== rows?.name) return await Deno.readFile(path(name));
    return (await Deno.readFile(rowsPathOf(name))).subarray(0, rows.bytes);
  };
  return { step, names, path, read };
}

/** To the worker. */
export interface WriteRequest extends DeferredCheckpoint<unknown> {
  /** URL of the module whose default export encodes the files. */
  readonly encoder: string;
  /** Folder of the store, and the step's folder below it. */
  readonly root: string;
  readonly folder: string;
}

/** From the worker. */
export type WriteReply =
  | { readonly data: unknown; readonly digests: readonly string[] }
  | { readonly error: { readonly message: string; readonly code?: string } };

/** Writes checkpoints in a Worker, so that encoding, hashing and flushing do not block the training thread. */
class ThreadedWriter implements CheckpointWriter {
  readonly #worker = new Worker(new URL("./checkpoint_worker.ts", import.meta.url), {
    type: "module",
  });
  #pending: PromiseWithResolvers<WriteReply> | undefined;

  /** @param onStored called with the digests of the objects of a kept checkpoint. */
  constructor(
    private readonly encoder: string,
    private readonly root: string,
    private readonly folder: string,
    private readonly onStored: (digests: readonly string[]) => void,
  ) {
    this.#worker.onmessage = ({ data }: MessageEvent<WriteReply>) => this.#pending?.resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#pending?.resolve({ error: { message: event.message } });
    };
  }

  async write<T>(checkpoint: DeferredCheckpoint<T>): Promise<T> {
    const { step, buffers } = checkpoint;
    if (this.#pending) throw new Error("another checkpoint is still being written; wait for it");
    this.#pending = Promise.withResolvers();
    try {
      const { encoder, root, folder } = this;
      const request: WriteRequest = { ...checkpoint, encoder, root, folder };
      this.#worker.postMessage(request, [...buffers]);
      const reply = await this.#pending.promise;
      if ("error" in reply) {
        const { message, code } = reply.error;
        const error = new Error(`the checkpoint of step ${step} could not be written: ${message}`);
        throw Object.assign(error, { code });
      }
      this.onStored(reply.digests);
      return reply.data as T;
    } finally {
      this.#pending = undefined;
    }
  }

  close(): void {
    this.#worker.terminate();
    this.#pending?.resolve({ error: { message: "the writer was closed" } });
  }
}
