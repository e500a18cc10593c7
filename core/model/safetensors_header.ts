/**
 * The header of a safetensors file, checked in full: whoever made it, reading it does no harm.
 *
 * @module
 */
import { z } from "zod";

/** Longest header that is read; the limit of the format's own library. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The length of the header, a little-endian uint64. */
export const LENGTH_BYTES = 8;

/** Bytes of one element. */
export const ELEMENT_BYTES = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8 },
} as const;

export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

/** One tensor of a file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Place of its bytes in the file. */
  readonly start: number;
  readonly end: number;
}

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const entry_schema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const metadata_schema = z.record(z.string(), z.string());

/**
 * Reads the header.
 *
 * @param bytes the file's first bytes, the whole header among them.
 * @param file_bytes size of the file.
 * @param origin name of the file, for messages.
 * @returns tensors in the order of their data.
 * @throws {Error} when it is malformed, a name stands twice, a dtype is unknown, a span is not what dtype and shape ask
 *   for, or data overlap, leave gaps, or go beyond the file.
 */
export function parseHeader(bytes: Uint8Array, file_bytes: number, origin: string): TensorEntry[] {
  const fail = (what: string): never => {
    throw new Error(`${origin} is not a sound safetensors file: ${what}`);
  };
  const data_start = LENGTH_BYTES + headerBytes(bytes, file_bytes, origin);
  let text = "", json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(
      bytes.subarray(LENGTH_BYTES, data_start),
    );
    json = JSON.parse(text);
  } catch {
    fail("its header is no UTF-8 JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    fail("its header is no JSON object");
  }
  const { __metadata__ = {}, ...entries } = json as Record<string, unknown>;
  if (!metadata_schema.safeParse(__metadata__).success) fail("its metadata are not pairs of texts");
  // JSON.parse takes the last of several, and what it drops would never be looked at.
  const twice = repeatedKey(text);
  if (twice !== undefined) fail(`the name "${twice}" stands twice in its header`);
  const tensors = Object.entries(entries).map(([name, value]) => {
    const { data } = entry_schema.safeParse(value);
    if (!data) return fail(`the header entry of tensor "${name}" is malformed`);
    return checkedEntry(name, data, data_start, fail);
  }).sort((a, b) => a.start - b.start || a.end - b.end);
  let expected = data_start;
  for (const { name, start, end } of tensors) {
    if (start !== expected) {
      fail(
        `tensor "${name}" starts at byte ${start - data_start}, not at ${expected - data_start}`,
      );
    }
    if (end > file_bytes) fail(`it ends inside of tensor "${name}"`);
    expected = end;
  }
  if (expected !== file_bytes) fail(`${file_bytes - expected} bytes follow its last tensor`);
  return tensors;
}

/**
 * Length of the header, after the first 8 bytes.
 *
 * @throws {Error} when it cannot be that long.
 */
export function headerBytes(bytes: Uint8Array, file_bytes: number, origin: string): number {
  const fail = (what: string): never => {
    throw new Error(`${origin} is not a sound safetensors file: ${what}`);
  };
  if (bytes.length < LENGTH_BYTES) fail("it is shorter than its header");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES) || length > BigInt(file_bytes - LENGTH_BYTES)) {
    fail(`its header claims ${length} bytes of ${file_bytes}`);
  }
  return Number(length);
}

function checkedEntry(
  name: string,
  { dtype, shape, data_offsets: [from, to] }: z.output<typeof entry_schema>,
  data_start: number,
  fail: (what: string) => never,
): TensorEntry {
  if (!Object.hasOwn(ELEMENT_BYTES, dtype)) fail(`tensor "${name}" has the unknown dtype ${dtype}`);
  const known = dtype as SafetensorsDtype;
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[known]);
  if (to - from !== bytes) {
    fail(
      `tensor "${name}" of shape [${shape}] and dtype ${dtype} has ${
        to - from
      } bytes, not ${bytes}`,
    );
  }
  return { name, dtype: known, shape, start: data_start + from, end: data_start + to };
}

/** A key that an object of valid JSON has twice at its top level; undefined where there is none. */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0, is_key = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs)) {
    if (token === "{" || token === "[") is_key = ++depth === 1;
    else if (token === "}" || token === "]") depth--;
    else if (token === ",") is_key = depth === 1;
    else if (token === ":") is_key = false;
    else if (is_key && depth === 1) {
      const key: string = JSON.parse(token);
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
}
