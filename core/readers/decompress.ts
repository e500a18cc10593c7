/**
 * Bytes of plain, gzipped and Zstandard-compressed files.
 *
 * @module
 */
import type { Transform } from "node:stream";
import { createGunzip, createInflateRaw, createZstdDecompress } from "node:zlib";
import { checkHead, namedContent } from "./content.ts";
import { joinBytes, readBlocks } from "./file_bytes.ts";
import { checkExpansion, type Limits, type Reading, StreamFault } from "./reading.ts";

/** Input of one step. It limits what a step of deflate can expand to (1032 times as much). */
const STEP_BYTES = 1 << 14;
const OUTPUT_BYTES = 1 << 18;

const REPAIR = "fetch or write it again";
const TRUNCATED = `is truncated; ${REPAIR}`;
const NO_FRAME = `has bytes that are not zstd data where a frame should begin; ${REPAIR}`;

/**
 * Streams the bytes of a file, decompressed if its name ends in `.gz` or `.gzip` (one or more members; an empty file is
 * empty), or in `.zst` or `.zstd` (one or more frames).
 *
 * Everything before a damaged or truncated place is yielded before the fault is thrown; with damage inside
 * a gzip member, some 100 KiB before it can be lost.
 *
 * @throws {StreamFault} for damaged or truncated data, beyond the limits on expansion, and for content that is not plain
 *   text, such as a Git LFS pointer.
 */
export function readExpanded(path: string, reading: Reading): AsyncGenerator<Uint8Array> {
  return expand(readBlocks(path, reading), path, reading);
}

/** The same for blocks from any source; `path` says whether they are compressed. */
export function expand(
  blocks: AsyncGenerator<Uint8Array>,
  path: string,
  { limits }: Reading,
): AsyncGenerator<Uint8Array> {
  return checkHead(expandByName(blocks, path, limits));
}

function expandByName(
  blocks: AsyncGenerator<Uint8Array>,
  path: string,
  limits: Limits,
): AsyncGenerator<Uint8Array> {
  const ending = COMPRESSED.exec(path)?.[1].toLowerCase();
  if (ending === undefined) return blocks;
  const is_gzip = ending.startsWith("gz");
  const name = is_gzip ? "gzip" : "Zstandard";
  const checked = checkHead(blocks, (head) => {
    const found = namedContent(head);
    if (found?.startsWith(`is compressed with ${name};`)) return undefined;
    if (found !== undefined) return found;
    // Zstandard data may also begin with a skippable frame, and damaged data with anything.
    const is_text = head.subarray(0, 64).every((byte) => byte >= 9 && byte < 0x7f);
    return is_text
      ? `cannot be decompressed: it is not ${name} data; correct the ending of its name`
      : undefined;
  });
  if (!is_gzip) return expandZstd(checked, limits);
  return inSteps(createGunzip({ chunkSize: OUTPUT_BYTES }), checked, limits);
}

const COMPRESSED = /\.(gz|gzip|zst|zstd)$/i;

/** The name without `.gz`, `.gzip`, `.zst` or `.zstd`. */
export function withoutCompression(path: string): string {
  return path.replace(COMPRESSED, "");
}

/** Expands deflated data without a header. */
export function inflateRaw(
  blocks: Iterable<Uint8Array>,
  limits: Limits,
): AsyncGenerator<Uint8Array> {
  return inSteps(createInflateRaw({ chunkSize: OUTPUT_BYTES }), blocks, limits);
}

/** Nothing expands to nothing, although it is no gzip data. */
async function* inSteps(
  stream: Transform,
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limits: Limits,
): AsyncGenerator<Uint8Array> {
  using expander = new Expander(stream, new Meter(limits));
  let is_empty = true;
  for await (const block of blocks) {
    is_empty = false;
    for (let at = 0; at < block.length; at += STEP_BYTES) {
      yield* await expander.push(block.subarray(at, at + STEP_BYTES));
      expander.throwFault();
    }
  }
  if (is_empty) return;
  yield* await expander.finish();
  expander.throwFault();
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * Finds the frames itself (RFC 8878, section 3.1.1): node's decoder decodes one frame, and does not report a truncated
 * one. Each step is a block, which expands to at most 128 KiB.
 */
async function* expandZstd(
  blocks: AsyncIterable<Uint8Array>,
  limits: Limits,
): AsyncGenerator<Uint8Array> {
  await using source = new ByteQueue(blocks);
  const meter = new Meter(limits);
  while (!await source.atEnd()) {
    const magic = await source.take(4);
    const number = littleEndian(magic);
    if (number === FRAME_MAGIC) yield* expandFrame(source, magic, meter);
    else if ((number & ~0xf) >>> 0 === SKIPPABLE_MAGIC) {
      await source.skip(littleEndian(await source.take(4)));
    } else throw new StreamFault(NO_FRAME);
  }
}

async function* expandFrame(
  source: ByteQueue,
  magic: Uint8Array,
  meter: Meter,
): AsyncGenerator<Uint8Array> {
  using expander = new Expander(createZstdDecompress({ chunkSize: OUTPUT_BYTES }), meter);
  const [descriptor] = await source.take(1);
  const single_segment = (descriptor >> 5) & 1;
  const size_bytes = [single_segment, 2, 4, 8][descriptor >> 6];
  const dictionary_bytes = [0, 1, 2, 4][descriptor & 3];
  const rest = await source.take(1 - single_segment + dictionary_bytes + size_bytes);
  yield* await expander.push(joinBytes([magic, Uint8Array.of(descriptor), rest]));
  for (let last = false; !last;) {
    const header = await source.take(3);
    const block = littleEndian(header);
    last = (block & 1) === 1;
    const is_run = ((block >> 1) & 3) === 1;
    const content = await source.take(is_run ? 1 : block >> 3);
    yield* await expander.push(joinBytes([header, content]));
    expander.throwFault();
  }
  if ((descriptor & 4) !== 0) yield* await expander.push(await source.take(4));
  yield* await expander.finish();
  expander.throwFault();
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

/** Counts what a file has expanded to. */
class Meter {
  #compressed = 0;
  #expanded = 0;
  constructor(readonly limits: Limits) {}

  read(bytes: number): void {
    this.#compressed += bytes;
  }

  expand(bytes: number): void {
    this.#expanded += bytes;
    checkExpansion(this.limits, this.#compressed, this.#expanded);
  }
}

/**
 * Drives a zlib stream step by step. Reading it in the usual ways would lose the expanded bytes in its buffer when a
 * fault occurs.
 */
class Expander implements Disposable {
  #expanded: Uint8Array[] = [];
  #fault?: StreamFault;
  #ended = false;
  #wake = () => {};

  constructor(readonly stream: Transform, readonly meter: Meter) {
    stream.on("data", (bytes: Uint8Array) => this.#keep(bytes));
    stream.on("error", (error: NodeJS.ErrnoException) =>
      this.#fail(
        error.code === "Z_BUF_ERROR"
          ? TRUNCATED
          : `cannot be decompressed (${error.message}); ${REPAIR}`,
      ));
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#end());
  }

  /** Expands a piece of input. Bytes after the end of the compressed data are ignored. */
  async push(bytes: Uint8Array): Promise<Uint8Array[]> {
    this.meter.read(bytes.length);
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.stream.write(bytes, () => resolve());
      });
    }
    return this.#take();
  }

  async finish(): Promise<Uint8Array[]> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.stream.end();
      });
    }
    return this.#take();
  }

  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  [Symbol.dispose](): void {
    this.stream.destroy();
  }

  #keep(bytes: Uint8Array): void {
    if (this.#fault !== undefined) return;
    try {
      this.meter.expand(bytes.length);
      this.#expanded.push(bytes);
    } catch (error) {
      this.#fail((error as Error).message);
      this.stream.destroy();
    }
  }

  #fail(message: string): void {
    this.#fault ??= new StreamFault(message);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #take(): Uint8Array[] {
    const expanded = this.#expanded;
    this.#expanded = [];
    return expanded;
  }
}

/** Takes exact numbers of bytes from a stream of blocks. */
class ByteQueue implements AsyncDisposable {
  #block = new Uint8Array();
  readonly #blocks: AsyncIterator<Uint8Array>;

  constructor(blocks: AsyncIterable<Uint8Array>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  /** Ends the stream, so that its file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blocks.return?.();
  }

  async atEnd(): Promise<boolean> {
    while (this.#block.length === 0) {
      const next = await this.#blocks.next();
      if (next.done) return true;
      this.#block = next.value as Uint8Array<ArrayBuffer>;
    }
    return false;
  }

  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      if (await this.atEnd()) throw new StreamFault(TRUNCATED);
      const part = this.#block.subarray(0, missing);
      this.#block = this.#block.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : joinBytes(parts);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      left -= (await this.take(Math.min(left, STEP_BYTES))).length;
    }
  }
}
