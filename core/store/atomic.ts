/**
 * Files that are either whole or absent: written under a temporary name, flushed, then renamed; and parts of files.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { dirname } from "node:path";

/**
 * Writes a file so that a reader sees the old content or the new, never a part of it.
 *
 * @param temporary where to write first; on the same file system as `path`.
 */
export function writeAtomic(
  path: string,
  content: Uint8Array | string,
  temporary = `${path}.tmp`,
): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    {
      using file = openFileSync(temporary, { write: true, create: true, truncate: true });
      writeAll(file, bytes);
      file.syncSync();
    }
    commit(temporary, path);
  } catch (error) {
    removeIfPresent(temporary);
    throw error;
  }
}

/** Renames a finished, flushed file into place and flushes the folder, so that the name survives a crash. */
export function commit(temporary: string, path: string): void {
  Deno.renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Folders whose names are on the disk for certain. */
const flushed = new Set<string>();

/**
 * Makes a folder, and those above it that are missing, such that they survive a crash: what is flushed in a folder is
 * lost with the folder's own name. One that another process has just made may not be flushed yet, so each is flushed
 * once by this thread.
 */
export function makeFolder(path: string): void {
  if (!isNew(path) && flushed.has(path)) return;
  syncFolder(dirname(path));
  flushed.add(path);
}

function isNew(path: string): boolean {
  try {
    Deno.mkdirSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists && Deno.statSync(path).isDirectory) return false;
    if (!(error instanceof Deno.errors.NotFound) || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    return isNew(path);
  }
  return true;
}

/** Writes all of `bytes`: one `write` call may take only a part. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** Removes a file or folder; its absence is not an error. */
export function removeIfPresent(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Text of a file, or undefined when there is none. */
export function readIfPresent(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw error;
  }
}

/**
 * Up to `bytes` bytes of a file from a position; fewer at its end. The file is open only during the call: a stream whose
 * reader takes no more leaves no handle open.
 */
export function readPart(path: string, from: number, bytes: number): Uint8Array<ArrayBuffer> {
  using file = openFileSync(path);
  const { size } = file.statSync();
  if (from >= size) return new Uint8Array(); // no file system seeks beyond its largest file
  const part = new Uint8Array(Math.min(bytes, size - from));
  file.seekSync(from, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < part.length) {
    const read = file.readSync(part.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return part.subarray(0, filled);
}

/** Flushes a file that is closed. */
export function syncFile(path: string): void {
  using file = openFileSync(path, { write: true });
  file.syncSync();
}

/** Flushes a folder, so that names added to it, or taken away, survive a crash. */
export function syncFolder(path: string): void {
  try {
    using folder = openFileSync(path);
    folder.syncSync();
  } catch {
    // Some systems (Windows, some network file systems) cannot flush a folder; the rename is done all the same.
  }
}
