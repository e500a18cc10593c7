/**
 * Checkpoints of a running step (`checkpoint_files.ts` has their layout).
 *
 * @module
 */
import { basename, join } from "node:path";
import type {
  Checkpoints,
  CheckpointWriter,
  DeferredCheckpoint,
  KeptCheckpoint,
  SavedCheckpoint,
} from "../stage/mod.ts";
import { readIfPresent, removeIfPresent } from "./atomic.ts";
import {
  type CheckpointFiles,
  completeFolders,
  INDEX,
  type Index,
  type KeptList,
  keptLists,
  parseList,
  stepOf,
  writeTemporary,
} from "./checkpoint_files.ts";
import { digestOfFile, Store } from "./store.ts";

export class StoredCheckpoints implements Checkpoints {
  readonly #store: Store;
  /** Digests of objects known to be intact; they are not read again. */
  readonly #verified = new Set<string>();

  /**
   * @param folder the step's own folder below `work/`, created with the first checkpoint.
   * @param onDamage called when a checkpoint is skipped because its files are damaged.
   */
  constructor(
    private readonly folder: string,
    private readonly onDamage: (message: string) => void = () => {},
  ) {
    this.#store = new Store(join(folder, "..", ".."));
  }

  async latest(): Promise<SavedCheckpoint | undefined> {
    const kept = (await this.kept()).at(-1);
    for (const name of completeFolders(this.folder).reverse()) {
      if (kept && kept.step >= stepOf(name)) break;
      const path = join(this.folder, name);
      const index = await readIndex(path);
      if (index) {
        const paths = Object.keys(index.files).map((file) => [file, join(path, file)]);
        return openCheckpoint(index.step, Object.fromEntries(paths));
      }
      this.#drop(path, name);
    }
    return kept;
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async save(step: number, files: CheckpointFiles): Promise<void> {
    writeTemporary(this.folder, step, files);
  }

  async kept(): Promise<KeptCheckpoint[]> {
    const checkpoints: KeptCheckpoint[] = [];
    for (const path of keptLists(this.folder)) {
      const list = parseList<KeptList>(Deno.readTextFileSync(path));
      const is_valid = isKeptList(list) && list.step === stepOf(basename(path));
      if (is_valid && await this.#isIntact(list)) checkpoints.push(this.#open(list));
      else this.#drop(path, `of step ${list?.step ?? path}`);
    }
    return checkpoints;
  }

  openWriter(encoder: string): CheckpointWriter {
    return new ThreadedWriter(encoder, this.#store.root, this.folder, (digests) => {
      digests.forEach((digest) => this.#verified.add(digest));
    });
  }

  async #isIntact({ files }: KeptList): Promise<boolean> {
    for (const { digest } of files) {
      if (this.#verified.has(digest)) continue;
      if (await digestOfFile(this.#store.objectPath(digest)) !== digest) return false;
      this.#verified.add(digest);
    }
    return true;
  }

  #open({ step, files }: KeptList): KeptCheckpoint {
    const paths = files.map(({ name, digest }) => [name, this.#store.objectPath(digest)]);
    return openCheckpoint(step, Object.fromEntries(paths));
  }

  #drop(path: string, name: string): void {
    this.onDamage(`checkpoint ${name} is damaged; it is not used`);
    removeIfPresent(path);
  }
}

/** The list of files; undefined when one of them does not match its digest. */
async function readIndex(folder: string): Promise<Index | undefined> {
  const index = parseList<Index>(readIfPresent(join(folder, INDEX)) ?? "");
  // Damage may also have changed the name of a field, or the step.
  if (!isObject(index?.files) || index.step !== stepOf(basename(folder))) return undefined;
  for (const [name, digest] of Object.entries(index.files)) {
    if (await digestOfFile(join(folder, name)) !== digest) return undefined;
  }
  return index;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isKeptList(list: KeptList | undefined): list is KeptList {
  const named = ({ name, digest }: { name: unknown; digest: unknown }) =>
    typeof name === "string" && typeof digest === "string";
  return Number.isSafeInteger(list?.step) && Array.isArray(list?.files) && list.files.every(named);
}

/** @param paths of its files, by name. */
function openCheckpoint(step: number, paths: Readonly<Record<string, string>>): KeptCheckpoint {
  const names = Object.keys(paths);
  const path = (name: string) => {
    if (Object.hasOwn(paths, name)) return paths[name];
    throw new Error(`the checkpoint has no file "${name}"; its files are ${names.join(", ")}`);
  };
  return { step, names, path, read: async (name) => await Deno.readFile(path(name)) };
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
