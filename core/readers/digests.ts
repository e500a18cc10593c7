/**
 * Digests of texts and files, and a cache of file digests between runs: every plan needs the digests of all data,
 * which may be hundreds of gigabytes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { openFile } from "./file_bytes.ts";

/**
 * Maps a text to a uniform number in [0, 1): the first 48 bits of its SHA-256, divided by 2^48.
 *
 * Texts below a threshold are a sample that depends on the texts alone; the sample for a lower threshold is a subset
 * of the one for a higher threshold.
 *
 * @param salt makes samples for different purposes independent.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { hashShare } from "./digests.ts";
 * assert.equal(hashShare("split", "a.py"), hashShare("split", "a.py"));
 * assert.notEqual(hashShare("split", "a.py"), hashShare("sample", "a.py"));
 * ```
 */
export function hashShare(salt: string, text: string): number {
  const digest = createHash("sha256").update(salt).update("\0").update(text).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/** SHA-256 of a text, hex. */
export function textDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Allocated once: for small files, of which there may be many, that would take longer than the rest. */
const block = new Uint8Array(1 << 20);

/** SHA-256 of a file, hex, read in blocks. @throws {Error} when the file is missing. */
export function fileDigest(path: string): string {
  const hash = createHash("sha256");
  using file = openFile(path);
  for (let n = file.readSync(block); n !== null; n = file.readSync(block)) {
    hash.update(block.subarray(0, n));
  }
  return hash.digest("hex");
}

/** Smaller files are hashed again in each process, which is faster than keeping them in the cache file. */
const WORTH_KEEPING_BYTES = 1 << 20;
/** A file changed this recently may change again with the same times of change, which may be in whole seconds. */
const SETTLED_MS = 2000;

/** The whole cache file is written each time, so not after every file. */
const SAVE_EVERY_MS = 5000;

const entry_schema = z.object({
  size: z.number(),
  modified: z.number(),
  /** Time of change of content or attributes. No program can set it, so it also changes when `cp -p` keeps `modified`. */
  changed: z.number(),
  inode: z.number(),
  sha256: z.hex().length(64),
});
const cache_schema = z.object({ format: z.literal(2), files: z.record(z.string(), entry_schema) });
type Entry = z.output<typeof entry_schema>;
type Entries = z.output<typeof cache_schema>["files"];

/**
 * Digests of files by absolute path, valid while size, times of change and inode are the same. A cache file that is
 * missing, damaged or not writable only costs time.
 */
export class DigestCache {
  #entries?: Entries;
  #is_saved = true;
  #next_save_ms = 0;

  /**
   * @param path the cache file; null keeps digests in memory.
   * @param now gives the time, in milliseconds.
   */
  constructor(
    readonly path: string | null = defaultCachePath(),
    readonly now: () => number = Date.now,
  ) {}

  /**
   * SHA-256 of a file, hex. New ones are written to the cache file every few seconds, and by {@link save}.
   *
   * @throws {Error} when the file is missing.
   */
  digest(file: string): string {
    const key = resolve(file);
    const stat = statSync(key, { throwIfNoEntry: false });
    const entry = {
      size: stat?.size ?? 0,
      modified: stat?.mtimeMs ?? 0,
      changed: stat?.ctimeMs ?? 0,
      inode: stat?.ino ?? 0,
    };
    this.#entries ??= this.#read();
    const known = Object.hasOwn(this.#entries, key) ? this.#entries[key] : undefined;
    if (known !== undefined && isSame(known, entry)) return known.sha256;
    const is_settled = [entry.modified, entry.changed].every((time_ms) =>
      Math.abs(this.now() - time_ms) >= SETTLED_MS
    );
    const sha256 = fileDigest(file);
    if (!is_settled) return sha256;
    this.#entries[key] = { ...entry, sha256 };
    if (entry.size >= WORTH_KEEPING_BYTES) this.#is_saved = false;
    if (this.now() >= this.#next_save_ms) this.save();
    return sha256;
  }

  /**
   * Writes new digests, renaming the file into place so that readers never see half of it. Keeps what other processes
   * added meanwhile, and drops files that no longer exist.
   */
  save(): void {
    if (this.path === null || this.#is_saved) return;
    this.#is_saved = true;
    this.#next_save_ms = this.now() + SAVE_EVERY_MS;
    const large = Object.entries(this.#entries!).filter(([, { size }]) =>
      size >= WORTH_KEEPING_BYTES
    );
    const all = { ...this.#read(), ...Object.fromEntries(large) };
    const files = Object.fromEntries(Object.entries(all).filter(([file]) => existsSync(file)));
    const temporary = `${this.path}.${Deno.pid}.${crypto.randomUUID()}.tmp`;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(temporary, JSON.stringify({ format: 2, files }));
      renameSync(temporary, this.path);
    } catch {
      // The folder is not writable: the digest is computed again next time.
    }
  }

  #read(): Entries {
    try {
      return cache_schema.parse(JSON.parse(readFileSync(this.path!, "utf8"))).files;
    } catch {
      return {};
    }
  }
}

function isSame(known: Entry, now: Omit<Entry, "sha256">): boolean {
  return known.size === now.size && known.modified === now.modified &&
    known.changed === now.changed && known.inode === now.inode;
}

/** `digests.json` in `$XDG_CACHE_HOME/causeway`, or `~/.cache/causeway`; null if neither may be read. */
export function defaultCachePath(): string | null {
  try {
    const root = Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache");
    return join(root, "causeway", "digests.json");
  } catch {
    return null;
  }
}
