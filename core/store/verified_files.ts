/**
 * Digests of files, and which files were found intact by this run and earlier ones.
 *
 * Hashing everything that a run relies on takes hours where results have terabytes. So `<out>/verified.json` remembers,
 * for each file that matched its digest, what the file system said about it: size, times of change of content and
 * attributes, inode. While these are the same nothing wrote to the file, since no program can set the time of change of
 * attributes. The device is left out, as git's index leaves it out: on network file systems its number differs between
 * machines and starts. What changes no time, such as a disk that loses bits, only a full verification finds.
 *
 * The list is beside the store, where plugins cannot write.
 *
 * @module
 */
import { openFile } from "../words/mod.ts";
import { createHash } from "node:crypto";
import { basename, dirname, join, relative } from "node:path";
import { readIfPresent, removeIfPresent, writeAtomic } from "./atomic.ts";

/**
 * A file that changed within this time of being read is not remembered: it may change again and keep its times. Two
 * seconds are the steps of FAT; the time of change of attributes has whole seconds here.
 */
const SETTLED_MS = 2000;

/** The whole file is written each time, so not after every digest. */
const SAVE_EVERY_MS = 30_000;

const FORMAT = 1;

/** Another process may be writing its list; one this old was killed. */
const ABANDONED_MS = 3_600_000;

/** Digest and state of each file, by its path from the folder of the list. */
type Entries = Record<string, string>;

/** How results were verified. */
export interface Verification {
  /** Finished steps whose outputs were looked at. */
  readonly results: number;
  /** Those of which a file was hashed; the others are unchanged since they were last verified. */
  readonly hashed: number;
  /** Bytes of the files that were hashed. */
  readonly bytes: number;
}

export interface VerifiedFilesOptions {
  /** Path of the list of what earlier runs verified; without it all files are read. */
  readonly list?: string;
  /** Reads all files, whatever is remembered. */
  readonly full?: boolean;
  /** Whether `save` writes the list; otherwise nothing is written, as in a dry run. */
  readonly remember?: boolean;
  /** The file system's time in milliseconds; for tests. */
  readonly now?: () => number;
}

/** Compares files with their digests, each once in a run. */
export class VerifiedFiles {
  /** Digests of files found intact, or made, in this run; by path. */
  readonly #intact = new Map<string, string>();
  readonly #results = new Map<string, boolean>();
  #new: Entries = {};
  readonly #damaged = new Set<string>();
  #remembered: Entries | undefined;
  #hashed = { files: 0, bytes: 0 };
  #started_ms: number | undefined;
  #next_save_ms = performance.now() + SAVE_EVERY_MS;

  constructor(private readonly options: VerifiedFilesOptions = {}) {}

  /** Whether a file has this digest. It is read unless this is known. */
  async check(path: string, digest: string): Promise<"intact" | "missing" | "damaged"> {
    if (this.isKnown(path, digest)) return "intact";
    const before = stateOf(path);
    const { list = "", full, remember } = this.options;
    const name = relative(dirname(list), path);
    if (before && list && !full) {
      this.#remembered ??= this.#read();
      if (this.#remembered[name] === entry(digest, before)) {
        this.trust(path, digest);
        return "intact";
      }
    }
    const is_settled = before && remember && this.#isSettled(before);
    const actual = await digestOfFile(path);
    if (actual === undefined) return "missing";
    this.#hashed.files++;
    this.#hashed.bytes += before?.size ?? 0;
    if (actual !== digest) {
      this.#damaged.add(name);
      return "damaged";
    }
    this.trust(path, digest);
    const after = stateOf(path);
    if (is_settled && after && entry(digest, after) === entry(digest, before)) {
      this.#new[name] = entry(digest, before);
      this.#damaged.delete(name);
    }
    if (performance.now() >= this.#next_save_ms) this.save();
    return "intact";
  }

  /** Whether a file was found intact, or made, in this run. */
  isKnown(path: string, digest: string): boolean {
    return this.#intact.get(path) === digest;
  }

  /** Declares a file intact that this run made. */
  trust(path: string, digest: string): void {
    this.#intact.set(path, digest);
  }

  /**
   * Checks files of one result, to count it.
   *
   * @param key of the result.
   */
  async countResult<T>(key: string, check: () => Promise<T>): Promise<T> {
    const { files } = this.#hashed;
    const found = await check();
    if (!this.#results.has(key)) this.#results.set(key, this.#hashed.files > files);
    return found;
  }

  /** Whether a file was found damaged, and the list does not say so yet. */
  get has_damaged(): boolean {
    return this.#damaged.size > 0;
  }

  /** What was done so far. */
  get verification(): Verification {
    const hashed = this.#results.values().filter((was_hashed) => was_hashed).toArray().length;
    return { results: this.#results.size, hashed, bytes: this.#hashed.bytes };
  }

  /**
   * Writes what was verified. Keeps what other processes added meanwhile, and drops files that no longer exist. Of two
   * processes that write at the same moment one wins; what the other found is hashed again the next time.
   */
  save(): void {
    this.#next_save_ms = performance.now() + SAVE_EVERY_MS;
    const { list, remember } = this.options;
    if (!list || !remember || Object.keys(this.#new).length + this.#damaged.size === 0) return;
    const folder = dirname(list);
    for (const { name } of Deno.readDirSync(folder)) {
      const is_old = name.startsWith(`${basename(list)}.`) &&
        Date.now() - (stateOf(join(folder, name))?.modified ?? Infinity) > ABANDONED_MS;
      if (is_old) removeIfPresent(join(folder, name));
    }
    const all = Object.entries({ ...this.#read(), ...this.#new }).filter(([name]) =>
      !this.#damaged.has(name) && stateOf(join(folder, name))
    );
    const text = JSON.stringify({ format: FORMAT, files: Object.fromEntries(all) });
    writeAtomic(list, text, temporaryOf(list));
    this.#new = {};
    this.#damaged.clear();
  }

  #read(): Entries {
    try {
      const { format, files } = JSON.parse(readIfPresent(this.options.list ?? "") ?? "{}");
      return format === FORMAT && typeof files === "object" && files !== null ? files : {};
    } catch {
      return {}; // Damaged: everything is hashed again.
    }
  }

  #isSettled({ modified, changed }: FileState): boolean {
    this.#started_ms ??= (this.options.now ?? (() => this.#fileSystemTime()))();
    return [modified, changed].every((time_ms) =>
      Math.abs(this.#started_ms! - time_ms) >= SETTLED_MS
    );
  }

  /** The time that a file written now gets: on a network file system the clock is another machine's. */
  #fileSystemTime(): number {
    const path = temporaryOf(this.options.list!);
    Deno.writeTextFileSync(path, "");
    const { modified } = stateOf(path)!;
    removeIfPresent(path);
    return modified;
  }
}

/** Other processes may write the list at the same time. */
const temporaryOf = (list: string) => `${list}.${crypto.randomUUID()}.tmp`;

/** What changes when a file is written to. */
interface FileState {
  readonly size: number;
  /** Milliseconds. */
  readonly modified: number;
  /** Whole seconds, in milliseconds; 0 where the system has no such time. */
  readonly changed: number;
  readonly inode: number;
}

function stateOf(path: string): FileState | undefined {
  try {
    const { size, mtime, ctime, ino } = Deno.statSync(path);
    return {
      size,
      modified: mtime?.getTime() ?? 0,
      changed: ctime?.getTime() ?? 0,
      inode: ino ?? 0,
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const entry = (digest: string, { size, modified, changed, inode }: FileState) =>
  `${digest} ${size} ${modified} ${changed} ${inode}`;

/** SHA-256 of a file in hex, read in pieces so that the thread stays responsive; undefined without a file. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  let file: Deno.FsFile;
  try {
    file = await openFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  using _ = file;
  const hash = createHash("sha256");
  const piece = new Uint8Array(1 << 20);
  for (let read = await file.read(piece); read !== null; read = await file.read(piece)) {
    hash.update(piece.subarray(0, read));
  }
  return hash.digest("hex");
}
