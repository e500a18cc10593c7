/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, then the data.
 *
 * There is no kept reader and writer for it on npm; the format is small enough to check in full here.
 *
 * @module
 */
import { z } from "zod";

/** A tensor to write, or one that was read. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

const DTYPES = { F32: Float32Array, I32: Int32Array } as const;
const MAX_HEADER_BYTES = 100_000_000;

const entry_schema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

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
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of sorted) {
    const dtype = data instanceof Float32Array ? "F32" : "I32";
    header[name] = { dtype, shape, data_offsets: [offset, offset += data.byteLength] };
  }
  // Padded with spaces so that the data starts at a multiple of 8 bytes.
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(
    json.padEnd(Math.ceil(byteLength(json) / 8) * 8 - byteLength(json) + json.length),
  );
  const file = new Uint8Array(8 + text.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let position = 8 + text.length;
  for (const { data } of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

const byteLength = (text: string) => new TextEncoder().encode(text).length;

/**
 * Reads float32 and int32 tensors.
 *
 * @param origin name of the file, for messages.
 * @returns tensors by name; their data are copies.
 * @throws {Error} when the file is truncated, the header malformed, offsets overlap or leave gaps, or a
 * dtype is another one.
 */
export function readSafetensors(file: Uint8Array, origin: string): Map<string, NamedTensor> {
  const fail = (what: string): never => {
    throw new Error(`${origin} is not a sound safetensors file: ${what}`);
  };
  if (file.length < 8) fail("it is shorter than its header");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const header_bytes = view.getBigUint64(0, true);
  if (header_bytes > MAX_HEADER_BYTES || Number(header_bytes) > file.length - 8) {
    fail(`its header claims ${header_bytes} bytes of ${file.length}`);
  }
  const data_start = 8 + Number(header_bytes);
  const header = parseHeader(file.subarray(8, data_start), fail);
  const tensors = new Map<string, NamedTensor>();
  let expected = 0;
  for (const { name, dtype, shape, data_offsets: [start, end] } of header) {
    if (!(dtype in DTYPES)) {
      fail(`tensor "${name}" has dtype ${dtype}, only F32 and I32 are read here`);
    }
    if (start !== expected) fail(`tensor "${name}" starts at byte ${start}, not at ${expected}`);
    const count = shape.reduce((a, b) => a * b, 1);
    if (end - start !== 4 * count) {
      fail(`tensor "${name}" of shape [${shape}] has ${end - start} bytes, not ${4 * count}`);
    }
    if (data_start + end > file.length) fail(`it ends inside of tensor "${name}"`);
    const bytes = file.slice(data_start + start, data_start + end);
    const data = new DTYPES[dtype as keyof typeof DTYPES](bytes.buffer, 0, count);
    tensors.set(name, { name, shape, data });
    expected = end;
  }
  if (data_start + expected !== file.length) {
    fail(`${file.length - data_start - expected} bytes follow its last tensor`);
  }
  return tensors;
}

/** Header entries in the order of their data. */
function parseHeader(bytes: Uint8Array, fail: (what: string) => never) {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    fail("its header is no UTF-8 JSON");
  }
  if (typeof json !== "object" || json === null) fail("its header is no JSON object");
  return Object.entries(json as Record<string, unknown>)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => {
      const entry = entry_schema.safeParse(value);
      if (!entry.success) return fail(`the header entry of tensor "${name}" is malformed`);
      return { name, ...entry.data };
    })
    .sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
}
