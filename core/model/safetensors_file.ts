/**
 * A safetensors file on disk, read tensor by tensor.
 *
 * @module
 */
import {
  headerBytes,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsDtype,
  type TensorEntry,
} from "./safetensors_header.ts";

/** Floating-point numbers that float32 holds exactly. */
type WidenedDtype = "F32" | "F16" | "BF16";

const WIDEN: Record<WidenedDtype, (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>> = {
  F32: (bytes) => new Float32Array(bytes.buffer),
  BF16(bytes) {
    // The upper half of a float32.
    const halves = new Uint16Array(bytes.buffer), wide = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) wide[i] = halves[i] << 16;
    return new Float32Array(wide.buffer);
  },
  F16(bytes) {
    const halves = new Uint16Array(bytes.buffer);
    return Float32Array.from(halves, halfToFloat);
  },
};

/** IEEE 754 binary16: (-1)^s · 2^(e - 15) · (1 + m / 1024), below the smallest exponent 2^-14 · m / 1024. */
function halfToFloat(bits: number): number {
  const sign = bits >> 15 ? -1 : 1, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return exponent === 0
    ? sign * 2 ** -24 * mantissa
    : sign * 2 ** (exponent - 15) * (1 + mantissa / 1024);
}

/** Tensors of one file. Nothing is held open between reads. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    /** Name of the file, for messages. */
    readonly origin: string,
    /** By name. */
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {}

  /**
   * Reads and checks the header, and nothing else.
   *
   * @throws {Error} see {@linkcode parseHeader}.
   */
  static async open(path: string, origin: string): Promise<SafetensorsFile> {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const length = await readExactly(file, Math.min(size, LENGTH_BYTES), origin);
    const header = new Uint8Array(LENGTH_BYTES + headerBytes(length, size, origin));
    header.set(length);
    header.set(await readExactly(file, header.length - LENGTH_BYTES, origin), LENGTH_BYTES);
    const entries = parseHeader(header, size, origin);
    return new SafetensorsFile(path, origin, new Map(entries.map((entry) => [entry.name, entry])));
  }

  /**
   * One tensor in float32, in which numbers of 16 bits stay what they are.
   *
   * @throws {Error} when it is not there, or of another kind of numbers.
   */
  async float32(name: string): Promise<Float32Array<ArrayBuffer>> {
    const entry = this.tensors.get(name);
    if (!entry) throw new Error(`${this.origin} has no tensor "${name}"`);
    const { dtype, start, end } = entry;
    if (!isWidened(dtype)) {
      throw new Error(
        `${this.origin}: "${name}" is of dtype ${dtype}; weights are read from F32, F16 and BF16`,
      );
    }
    using file = await Deno.open(this.path);
    await file.seek(start, Deno.SeekMode.Start);
    return WIDEN[dtype](await readExactly(file, end - start, this.origin));
  }
}

const isWidened = (dtype: SafetensorsDtype): dtype is WidenedDtype => dtype in WIDEN;

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
