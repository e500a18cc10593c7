/**
 * TFRecord files: length, checksum of it, data, checksum of them (tensorflow.org/tutorials/load_data/tfrecord).
 *
 * @module
 */

/** CRC-32C (Castagnoli, reversed polynomial 0x82f63b78), a byte at a time. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/**
 * CRC-32C of bytes.
 *
 * @example
 * ```ts
 * import { crc32c } from "./record_file.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ crc >>> 8;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Rotated and shifted, since a checksum of data that hold checksums is weak: ((c >> 15) | (c << 17)) + 0xa282ead8. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

/** One record. */
export function frame(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return record;
}

/** A file that grows by whole records. */
export class RecordFile {
  readonly #path: string;
  #pending: Uint8Array[] = [];

  /** @param path of a file that is made anew. */
  constructor(path: string) {
    this.#path = path;
    Deno.writeFileSync(path, new Uint8Array());
  }

  add(data: Uint8Array): void {
    this.#pending.push(frame(data));
  }

  /** Writes what was added, in one go: whoever reads meanwhile sees whole records. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = new Uint8Array(this.#pending.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const record of this.#pending) {
      bytes.set(record, at);
      at += record.length;
    }
    this.#pending = [];
    Deno.writeFileSync(this.#path, bytes, { append: true });
  }
}
