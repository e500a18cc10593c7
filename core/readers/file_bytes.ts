/**
 * Bytes of a file, in order or at any place.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { lstatSync } from "node:fs";
import { messageOf, type Reading } from "./reading.ts";

const BLOCK_BYTES = 1 << 20;
/** Waiting for another thread takes longer than reading this much. */
const SMALL_BYTES = 1 << 16;

/**
 * Streams a file in blocks of up to 1 MiB, each in memory of its own.
 *
 * @throws {Error} when the file is missing or unreadable.
 */
export async function* readBlocks(path: string, reading: Reading): AsyncGenerator<Uint8Array> {
  await reading.turn();
  using file = openFile(path);
  const { size } = file.statSync();
  const is_small = size <= SMALL_BYTES;
  // One byte more than it has, so that one block is enough.
  const block_bytes = is_small ? size + 1 : BLOCK_BYTES;
  while (true) {
    reading.throwIfAborted();
    const block = new Uint8Array(block_bytes);
    const length = is_small ? file.readSync(block) : await file.read(block);
    if (length === null) return;
    yield block.subarray(0, length);
  }
}

/** Joins pieces of bytes. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** All bytes of a stream; undefined if there are more than `max_bytes`. */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  max_bytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > max_bytes) return undefined;
    parts.push(chunk);
  }
  return joinBytes(parts);
}

/** Bytes that arrive in pieces; over the limit they are counted and not kept. */
export class PartialBytes {
  length = 0;
  #parts: Uint8Array[] = [];
  constructor(readonly max_bytes: number) {}

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.length > this.max_bytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  /** The bytes so far, undefined if there are too many, and begins again. */
  take(): Uint8Array | undefined {
    const whole = this.length > this.max_bytes
      ? undefined
      : this.#parts.length === 1
      ? this.#parts[0]
      : joinBytes(this.#parts);
    this.length = 0;
    this.#parts = [];
    return whole;
  }
}

/** Random access to a file. */
export class FileBytes implements Disposable {
  readonly size: number;
  readonly #file: Deno.FsFile;

  /** @throws {Error} when the file is missing or unreadable. */
  constructor(path: string) {
    this.#file = openFile(path);
    this.size = this.#file.statSync().size;
  }

  /**
   * Reads exactly the bytes [start, end).
   *
   * @throws {RangeError} when they are not within the file.
   */
  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    if (!(start >= 0 && start <= end && end <= this.size)) {
      throw new RangeError(`bytes ${start} to ${end} are outside the file of ${this.size} bytes`);
    }
    const bytes = new Uint8Array(end - start);
    this.#file.seekSync(start, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const length = this.#file.readSync(bytes.subarray(at));
      if (length === null) throw new RangeError(`the file ends at byte ${start + at}`);
      at += length;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** @throws {Error} naming the file. */
export function openFile(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = openFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw missingFile(path);
    throw new Error(`file ${path} cannot be opened (${messageOf(error)})`);
  }
  if (file.statSync().isFile) return file;
  file.close();
  throw new Error(`${path} is not a file; check the path in the recipe`);
}

export function missingFile(path: string): Error {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    return new Error(`${path} is a link to a file that does not exist; download the file again`);
  }
  const fix = path.startsWith("~")
    ? '"~" is not expanded; write the whole path'
    : /^[A-Za-z]:[\\/]/.test(path) && Deno.build.os !== "windows"
    ? "it is a Windows path, and this is another system"
    : "check the path in the recipe";
  return new Error(`file ${path} does not exist; ${fix}`);
}
