/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, then the data.
 *
 * There is no kept reader and writer for it on npm; the format is small enough to check in full here.
 *
 * @module
 */
import { parseHeader } from "./safetensors_header.ts";

/** A tensor to write, or one that was read. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

const DTYPES = { F32: Float32Array, I32: Int32Array } as const;

/**
 * Serializes tensors. Names are sorted, so equal tensors give equal bytes.
 *
 * @param metadata free text pairs for the header.
 */
export function writeSafetensors(
  tensors: Iterable<NamedTensor>,
  metadata: Record<string, string> = { format: "pt" },
): Uint8Array {
  const sorted = [...tensors].sort((a, b) => a.name < b.name ? -1 : 1);
  const header = safetensorsHeader(
    sorted.map(({ name, shape, data }) => {
      const dtype = data instanceof Float32Array ? "F32" : "I32";
      return { name, shape, dtype, bytes: data.byteLength };
    }),
    metadata,
  );
  const file = new Uint8Array(
    sorted.reduce((sum, { data }) => sum + data.byteLength, header.length),
  );
  file.set(header);
  let position = header.length;
  for (const { data } of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

/**
 * What a file begins with: the length of its header, and the header.
 *
 * @param tensors in the order of their data.
 */
export function safetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype: string; bytes: number }[],
  metadata: Record<string, string> = { format: "pt" },
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, dtype, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset += bytes] };
  }
  // Padded with spaces so that the data starts at a multiple of 8 bytes.
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(
    json.padEnd(Math.ceil(byteLength(json) / 8) * 8 - byteLength(json) + json.length),
  );
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const byteLength = (text: string) => new TextEncoder().encode(text).length;

/**
 * Reads float32 and int32 tensors.
 *
 * @param origin name of the file, for messages.
 * @returns tensors by name; their data are copies.
 * @throws {Error} when the file is not sound (see `parseHeader`), or a dtype is another one.
 */
export function readSafetensors(file: Uint8Array, origin: string): Map<string, NamedTensor> {
  const entries = parseHeader(file, file.length, origin);
  return new Map(entries.map(({ name, dtype, shape, start, end }) => {
    if (!(dtype in DTYPES)) {
      throw new Error(
        `${origin}: tensor "${name}" has dtype ${dtype}, only F32 and I32 are read here`,
      );
    }
    const data = new DTYPES[dtype as keyof typeof DTYPES](file.slice(start, end).buffer);
    return [name, { name, shape, data }];
  }));
}
