/**
 * Checkpoints of a running step (`checkpoint_files.ts` has their layout).
 *
 * @module
 */
import { basename, join } from "node:path";
import type {
  Checkpoints,
  CheckpointWriter,
  KeptCheckpoint,
  SavedCheckpoint,
} from "../stage/mod.ts";
import { readIfPresent, removeIfPresent } from "./atomic.ts";
import {
  type CheckpointFiles,
  completeFolders,
  INDEX,
  type Index,
  type KeptNote,
  keptNotes,
  parseList,
  stepOf,
  writeTemporary,
} from "./checkpoint_files.ts";
import { ThreadedWriter } from "./checkpoint_writer.ts";
import { digestOfFile, Store } from "./store.ts";

export class StoredCheckpoints implements Checkpoints {
  readonly #store: Store;
  /** Objects that need not be read again to know that they are sound. */
  readonly #verified = new Set<string>();

  /**
   * @param folder the step's own folder below `work/`, made with the first checkpoint.
   * @param on_damage called when a checkpoint is passed over because its files are damaged.
   */
  constructor(
    private readonly folder: string,
    private readonly on_damage: (message: string) => void = () => {},
  ) {
    this.#store = new Store(join(folder, "..", ".."));
  }

  async latest(): Promise<SavedCheckpoint | undefined> {
    const kept = (await this.kept()).at(-1);
    for (const name of completeFolders(this.folder).reverse()) {
      if (kept && kept.step >= stepOf(name)) break;
      const path = join(this.folder, name);
      const index = await readIndex(path);
      if (index) return saved(path, index);
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
    for (const path of keptNotes(this.folder)) {
      const note = parseList<KeptNote>(Deno.readTextFileSync(path));
      const is_its_own = isNote(note) && note.step === stepOf(basename(path));
      if (is_its_own && await this.#isSound(note)) checkpoints.push(this.#open(note));
      else this.#drop(path, `of step ${note?.step ?? path}`);
    }
    return checkpoints;
  }

  openWriter(encoder: string): CheckpointWriter {
    return new ThreadedWriter(encoder, this.#store.root, this.folder, (digests) => {
      digests.forEach((digest) => this.#verified.add(digest));
    });
  }

  async #isSound({ files }: KeptNote): Promise<boolean> {
    for (const { digest } of files) {
      if (this.#verified.has(digest)) continue;
      if (await digestOfFile(this.#store.objectPath(digest)) !== digest) return false;
      this.#verified.add(digest);
    }
    return true;
  }

  #open({ step, files }: KeptNote): KeptCheckpoint {
    const digests = Object.fromEntries(files.map(({ name, digest }) => [name, digest]));
    const path = (name: string) => this.#store.objectPath(find(digests, name));
    const read = async (name: string) => await Deno.readFile(path(name));
    return { step, names: Object.keys(digests), path, read };
  }

  #drop(path: string, name: string): void {
    this.on_damage(`checkpoint ${name} is damaged and is not used`);
    removeIfPresent(path);
  }
}

/** The list of files, or undefined when one of them does not match its digest. */
async function readIndex(folder: string): Promise<Index | undefined> {
  const index = parseList<Index>(readIfPresent(join(folder, INDEX)) ?? "");
  // A flipped bit may as well be in the name of a field, or in the step.
  if (!isObject(index?.files) || index.step !== stepOf(basename(folder))) return undefined;
  for (const [name, digest] of Object.entries(index.files)) {
    if (await digestOfFile(join(folder, name)) !== digest) return undefined;
  }
  return index;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNote(note: KeptNote | undefined): note is KeptNote {
  const named = ({ name, digest }: { name: unknown; digest: unknown }) =>
    typeof name === "string" && typeof digest === "string";
  return Number.isSafeInteger(note?.step) && Array.isArray(note?.files) && note.files.every(named);
}

function saved(folder: string, { step, files }: Index): SavedCheckpoint {
  const path = (name: string) => find(files, name) && join(folder, name);
  return { step, read: async (name) => await Deno.readFile(path(name)) };
}

function find(digests: Readonly<Record<string, string>>, name: string): string {
  if (Object.hasOwn(digests, name)) return digests[name];
  const known = Object.keys(digests).join(", ");
  throw new Error(`the checkpoint has no file "${name}"; it has ${known}`);
}
