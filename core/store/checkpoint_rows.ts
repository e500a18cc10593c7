/**
 * Files of rows that only grow, such as the measurements of a phase. A checkpoint refers to the beginning of such a
 * file, by its length and SHA-256; so a thousand checkpoints write each row once.
 *
 * Bytes after those that the newest checkpoint refers to are left by a process that was killed. They are overwritten,
 * not cut off: a run that goes back to make a lost checkpoint again writes the same bytes, and later checkpoints stay
 * valid meanwhile.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { NewRows } from "../stage/mod.ts";
import { makeFolder, syncFolder, writeAll } from "./atomic.ts";

/** The beginning of a file of rows. */
export interface RowsSoFar {
  name: string;
  bytes: number;
  sha256: string;
}

const PIECE = 1 << 20;

/** One such file. Keeps the hash of the bytes before a place, so that appending does not read them again. */
export class RowsFile {
  #hash = createHash("sha256");
  /** The hash is that of this many bytes. */
  #at = 0;

  constructor(private readonly path: string) {}

  /**
   * SHA-256 of the first bytes; undefined when the file is shorter. Asked for ever longer beginnings, it reads the file
   * once.
   */
  digest(bytes: number): string | undefined {
    if (bytes < this.#at) this.#rewind();
    if (bytes > this.#at && !this.#advance(bytes)) return undefined;
    return this.#hash.copy().digest("hex");
  }

  /**
   * Writes and flushes new rows.
   *
   * @throws {Error} when the file has lost the rows before them.
   */
  append({ name, at, bytes }: NewRows): RowsSoFar {
    if (this.digest(at) === undefined) {
      throw new Error(`${this.path} has lost the rows of earlier checkpoints; run again`);
    }
    {
      const is_new = at === 0;
      if (is_new) makeFolder(dirname(this.path));
      using file = openFileSync(this.path, { write: true, create: is_new });
      file.seekSync(at, Deno.SeekMode.Start);
      writeAll(file, bytes);
      file.syncSync();
      if (is_new) syncFolder(dirname(this.path));
    }
    this.#add(bytes);
    return { name, bytes: this.#at, sha256: this.#hash.copy().digest("hex") };
  }

  #add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#at += bytes.length;
  }

  #rewind(): void {
    this.#hash = createHash("sha256");
    this.#at = 0;
  }

  /** Reads on to a place; false when the file ends before it. */
  #advance(to: number): boolean {
    try {
      using file = openFileSync(this.path);
      file.seekSync(this.#at, Deno.SeekMode.Start);
      const piece = new Uint8Array(Math.min(PIECE, to - this.#at));
      while (this.#at < to) {
        const read = file.readSync(piece.subarray(0, to - this.#at));
        if (read === null) return false;
        this.#add(piece.subarray(0, read));
      }
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
}
