/**
 * LZ4 frames, in which pandas and pyarrow compress Arrow files unless told otherwise (lz4_Frame_format.md 1.6 and
 * lz4_Block_format.md of the LZ4 project). Checksums are not checked.
 *
 * The library `hyparquet-compressors` has blocks only, and no way to refer to the blocks before; `lz4js`, which
 * apache-arrow's documentation names, had its last release in 2017.
 *
 * @module
 */
const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const UNCOMPRESSED = 0x80000000;
const MIN_MATCH = 4;

/**
 * Expands the frames of a buffer.
 *
 * @throws {Error} for damaged data, and for more than `max_bytes`.
 */
export function expandLz4Frame(input: Uint8Array, max_bytes: number): Uint8Array<ArrayBuffer> {
  const output = new Output(max_bytes);
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  for (let at = 0; at < input.length;) {
    const magic = view.getUint32(at, true);
    if ((magic & ~0xf) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + view.getUint32(at + 4, true);
    } else if (magic === FRAME_MAGIC) at = expandFrame(input, view, at + 4, output);
    else throw new Error("damaged: LZ4 data does not begin with a frame");
  }
  return output.take();
}

/** @returns where the frame ends. */
function expandFrame(input: Uint8Array, view: DataView, start: number, output: Output): number {
  const flags = view.getUint8(start);
  if (flags >> 6 !== 1) throw new Error("damaged: unknown version of LZ4 frames");
  const has = (bit: number) => (flags & bit) !== 0;
  if (has(0x01)) throw new Error("it is compressed with an LZ4 dictionary, which is not supported");
  if (has(0x08)) output.expect(Number(view.getBigUint64(start + 2, true)));
  const [block_checksum, content_checksum] = [has(0x10) ? 4 : 0, has(0x04) ? 4 : 0];
  // Flags, block size, size of the content, checksum of these.
  for (let at = start + 2 + (has(0x08) ? 8 : 0) + 1;;) {
    const header = view.getUint32(at, true);
    at += 4;
    if (header === 0) return at + content_checksum;
    const end = at + (header & ~UNCOMPRESSED);
    if (end > input.length) throw new Error("truncated: an LZ4 block extends beyond the end");
    const block = input.subarray(at, end);
    if (header >= UNCOMPRESSED) output.copy(block, 0, block.length);
    else expandBlock(block, output);
    at = end + block_checksum;
  }
}

/** Matches may refer to the blocks before. */
function expandBlock(block: Uint8Array, output: Output): void {
  for (let at = 0; at < block.length;) {
    const token = block[at++];
    const length = (bits: number) => {
      if (bits < 15) return bits;
      let sum = bits;
      for (let byte = 255; byte === 255;) {
        if (at >= block.length) throw new Error("damaged: an LZ4 block is cut off");
        sum += byte = block[at++];
      }
      return sum;
    };
    const literals = length(token >> 4);
    if (at + literals > block.length) throw new Error("damaged: an LZ4 block is cut off");
    output.copy(block, at, at += literals);
    if (at === block.length) return;
    const distance = block[at] | block[at + 1] << 8;
    at += 2;
    output.repeat(distance, length(token & 15) + MIN_MATCH);
  }
}

/** Expanded bytes. */
class Output {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  constructor(readonly max_bytes: number) {}

  /** Makes room for as many bytes as a frame declares. */
  expect(bytes: number): void {
    this.#reserve(Math.min(bytes, 64 * this.#bytes.length));
  }

  copy(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#bytes.set(from.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  /** Repeats bytes that begin `distance` before the end, and may go on into the repetition. */
  repeat(distance: number, length: number): void {
    const from = this.#length - distance;
    if (!(distance > 0 && from >= 0)) {
      throw new Error("damaged: LZ4 refers to bytes before the start");
    }
    this.#reserve(length);
    const bytes = this.#bytes, to = this.#length;
    if (distance >= length) bytes.copyWithin(to, from, from + length);
    else for (let i = 0; i < length; i++) bytes[to + i] = bytes[from + i];
    this.#length += length;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.max_bytes) throw new Error(`expands to more than ${this.max_bytes} bytes`);
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
