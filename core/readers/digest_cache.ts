/**
 * SHA-256 of files, remembered between runs: every plan asks for the digests of all data, and reading 100 GB
 * for each would be unbearable.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { fileDigest } from "./hash.ts";

/** Smaller files are hashed again in each process, which takes less time than a cache file costs. */
const WORTH_KEEPING_BYTES = 1 << 20;
/** A file changed this recently may change again without its times of change telling: they are in seconds. */
const SETTLED_MS = 2000;

/** The whole file is written each time, so not for every file of many. */
const SAVE_EVERY_MS = 5000;

const Entry = z.object({
  size: z.number(),
  modified: z.number(),
  /** Time of change of content or attributes, which no program sets: copying with times leaves its mark here. */
  changed: z.number(),
  inode: z.number(),
  sha256: z.hex().length(64),
});
const CacheFile = z.object({ format: z.literal(2), files: z.record(z.string(), Entry) });
type Entry = z.output<typeof Entry>;
type Entries = z.output<typeof CacheFile>["files"];

/**
 * Digests of files by absolute path, good while size, times of change and inode are the same. The cache is a help
 * and no more: one that is missing, damaged or cannot be written costs time and nothing else.
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
   * SHA-256 of a file, hex. New ones are kept for other processes every few seconds, and by {@link save}.
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
   * Writes what is new. Renamed into place, so that a reader sees all of it; what other processes added meanwhile
   * is kept, and files that are no more are forgotten.
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
      // A folder that cannot be written: the digest is computed again next time.
    }
  }

  #read(): Entries {
    try {
      return CacheFile.parse(JSON.parse(readFileSync(this.path!, "utf8"))).files;
    } catch {
      return {};
    }
  }
}

function isSame(known: Entry, now: Omit<Entry, "sha256">): boolean {
  return known.size === now.size && known.modified === now.modified &&
    known.changed === now.changed && known.inode === now.inode;
}

/** `digests.json` in `$XDG_CACHE_HOME/causeway`, or `~/.cache/causeway`; null where neither may be known. */
export function defaultCachePath(): string | null {
  try {
    const root = Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache");
    return join(root, "causeway", "digests.json");
  } catch {
    return null;
  }
}
