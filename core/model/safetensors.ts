/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, then the data.
 *
 * There is no maintained library for it on npm. The header is checked in full, so that reading an untrusted file is safe.
 *
 * @module
 */
import { z } from "zod";
import { counted, openFile } from "../words/mod.ts";

/** Longest header that is read; the limit of the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;
/** Bytes of the header's length. */
const LENGTH_BYTES = 8;

/** Bytes of one element. */
const ELEMENT_BYTES = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8 },
} as const;

/** A Git LFS pointer is a text of at most this size, which begins so. */
const LFS_BYTES = 1024, LFS_START = "version https://git-lfs";

/** @throws {Error} for a Git LFS pointer in place of a file. */
async function refusePointer(path: string, origin: string): Promise<void> {
  if (!(await Deno.readTextFile(path)).startsWith(LFS_START)) return;
  throw new Error(
    `${origin} is a Git LFS pointer, not the file itself; run "git lfs pull" where it was cloned`,
  );
}

/** One tensor of a file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: keyof typeof ELEMENT_BYTES;
  readonly shape: readonly number[];
  /** Where its bytes are in the file. */
  readonly start: number;
  readonly end: number;
}

/** A tensor in memory. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

/** Serializes tensors. Names are sorted, so equal tensors give equal bytes. */
export function writeSafetensors(tensors: Iterable<NamedTensor>): Uint8Array {
  const sorted = [...tensors].sort((a, b) => a.name < b.name ? -1 : 1);
  const header = safetensorsHeader(
    sorted.map(({ name, shape, data }) => {
      const dtype = data instanceof Float32Array ? "F32" : "I32";
      return { name, shape, dtype, bytes: data.byteLength };
    }),
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
 * The beginning of a file: the length of its header, and the header.
 *
 * @param tensors in the order of their data.
 */
export function safetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype: string; bytes: number }[],
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const { name, shape, dtype, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset += bytes] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Padded with spaces so that the data starts at a multiple of 8 bytes.
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, LENGTH_BYTES);
  return bytes;
}

/**
 * Reads the float32 and int32 tensors of a file in memory.
 *
 * @param origin name of the file, for messages.
 * @returns tensors by name; their data are copies.
 * @throws {Error} when the file is not valid (see {@linkcode SafetensorsFile.open}), or has another dtype.
 */
export function readSafetensors(file: Uint8Array, origin: string): Map<string, NamedTensor> {
  const types = { F32: Float32Array, I32: Int32Array };
  return new Map(
    parseHeader(file, file.length, origin).map(({ name, dtype, shape, start, end }) => {
      if (dtype !== "F32" && dtype !== "I32") {
        throw new Error(`${origin}: tensor "${name}" has dtype ${dtype}, expected F32 or I32`);
      }
      return [name, { name, shape, data: new types[dtype](file.slice(start, end).buffer) }];
    }),
  );
}

/** A file on disk, read tensor by tensor. It is not kept open between reads. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    /** Name of the file, for messages. */
    readonly origin: string,
    /** By name. */
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {}

  /**
   * Reads and checks the header only.
   *
   * @throws {Error} when it is malformed, has a name twice or an unknown dtype, when the bytes of a tensor do not fit
   *   its dtype and shape, or when tensors overlap, leave gaps, or go beyond the file.
   */
  static async open(path: string, origin: string): Promise<SafetensorsFile> {
    using file = await openFile(path);
    const { size } = await file.stat();
    if (size < LFS_BYTES) await refusePointer(path, origin);
    const length = await readExactly(file, Math.min(size, LENGTH_BYTES), origin);
    const header = new Uint8Array(LENGTH_BYTES + headerBytes(length, size, origin));
    header.set(length);
    header.set(await readExactly(file, header.length - LENGTH_BYTES, origin), LENGTH_BYTES);
    const entries = parseHeader(header, size, origin);
    return new SafetensorsFile(path, origin, new Map(entries.map((entry) => [entry.name, entry])));
  }

  /**
   * One tensor in float32, which represents 16-bit floats exactly; float64 is rounded.
   *
   * @throws {Error} when it is missing, or has another dtype than F64, F32, F16 or BF16.
   */
  async float32(name: string): Promise<Float32Array<ArrayBuffer>> {
    const entry = this.tensors.get(name);
    if (!entry) throw new Error(`${this.origin} has no tensor "${name}"`);
    const { dtype, start, end } = entry;
    if (!Object.hasOwn(WIDEN, dtype)) {
      throw new Error(
        `${this.origin}: "${name}" has dtype ${dtype}, which is not supported; save the model in float32, float16 or bfloat16`,
      );
    }
    using file = await openFile(this.path);
    await file.seek(start, Deno.SeekMode.Start);
    const { buffer } = await readExactly(file, end - start, this.origin);
    return WIDEN[dtype as keyof typeof WIDEN](buffer);
  }
}

const WIDEN = {
  F64: (buffer: ArrayBuffer) => Float32Array.from(new Float64Array(buffer)),
  F32: (buffer: ArrayBuffer) => new Float32Array(buffer),
  BF16(buffer: ArrayBuffer) {
    // The upper half of a float32.
    const halves = new Uint16Array(buffer), wide = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) wide[i] = halves[i] << 16;
    return new Float32Array(wide.buffer);
  },
  F16: (buffer: ArrayBuffer) => Float32Array.from(new Uint16Array(buffer), halfToFloat),
};

/** IEEE 754 binary16: (-1)^s · 2^(e - 15) · (1 + m / 1024), below the smallest exponent 2^-14 · m / 1024. */
function halfToFloat(bits: number): number {
  const sign = bits >> 15 ? -1 : 1, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return exponent === 0
    ? sign * 2 ** -24 * mantissa
    : sign * 2 ** (exponent - 15) * (1 + mantissa / 1024);
}

async function readExactly(
  file: Deno.FsFile,
  length: number,
  origin: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) throw new Error(`${origin} became shorter while it was read`);
    at += read;
  }
  return bytes;
}

function invalid(origin: string, what: string): never {
  throw new Error(`${origin} is not a valid safetensors file: ${what}; download or write it again`);
}

/** Length of the header, after the first 8 bytes. */
function headerBytes(bytes: Uint8Array, file_bytes: number, origin: string): number {
  if (bytes.length < LENGTH_BYTES) invalid(origin, "it is shorter than its header");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES) || length > BigInt(file_bytes - LENGTH_BYTES)) {
    invalid(origin, `its header claims ${length} bytes of ${file_bytes}`);
  }
  return Number(length);
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
 * @param bytes the file's first bytes, including the whole header.
 * @param file_bytes size of the file.
 * @returns tensors in the order of their data.
 */
function parseHeader(bytes: Uint8Array, file_bytes: number, origin: string): TensorEntry[] {
  const fail = (what: string): never => invalid(origin, what);
  const data_start = LENGTH_BYTES + headerBytes(bytes, file_bytes, origin);
  const { __metadata__ = {}, ...entries } = headerJson(
    bytes.subarray(LENGTH_BYTES, data_start),
    fail,
  );
  if (!metadata_schema.safeParse(__metadata__).success) fail("its metadata are not strings");
  const tensors = Object.entries(entries).map(([name, value]) => {
    const { data } = entry_schema.safeParse(value);
    if (!data) return fail(`the header entry of tensor "${name}" is malformed`);
    return checkedEntry(name, data, data_start, fail);
  }).sort((a, b) => a.start - b.start || a.end - b.end);
  let expected = data_start;
  for (const { name, start, end } of tensors) {
    if (start !== expected) {
      const [is, should] = [start, expected].map((place) => place - data_start);
      fail(`tensor "${name}" starts at byte ${is}, not at ${should}`);
    }
    if (end > file_bytes) fail(`it ends inside tensor "${name}"`);
    expected = end;
  }
  if (expected !== file_bytes) {
    fail(`it has ${counted(file_bytes - expected, "byte")} after its last tensor`);
  }
  return tensors;
}

function headerJson(bytes: Uint8Array, fail: (what: string) => never): Record<string, unknown> {
  let text = "", json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    fail("its header is not UTF-8 JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    fail("its header is not a JSON object");
  }
  // JSON.parse keeps the last of several, so the others would never be checked.
  const twice = repeatedKey(text);
  if (twice !== undefined) fail(`its header has the name "${twice}" twice`);
  return json as Record<string, unknown>;
}

function checkedEntry(
  name: string,
  { dtype, shape, data_offsets: [from, to] }: z.output<typeof entry_schema>,
  data_start: number,
  fail: (what: string) => never,
): TensorEntry {
  if (!Object.hasOwn(ELEMENT_BYTES, dtype)) fail(`tensor "${name}" has the unknown dtype ${dtype}`);
  const known = dtype as keyof typeof ELEMENT_BYTES;
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[known]);
  if (to - from !== bytes) {
    const type = `${dtype} [${shape}]`;
    fail(`tensor "${name}", ${type}, has ${to - from} bytes, not ${bytes}`);
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
