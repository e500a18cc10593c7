/**
 * Weights in 16 bits, for exports.
 *
 * @module
 */
import { sizeOf } from "../graph/mod.ts";
import { counted } from "../words/mod.ts";
import { namedTensors } from "./model_files.ts";
import type { ParameterArrays } from "./parameters.ts";
import { safetensorsHeader } from "./safetensors.ts";

/** Precisions of 16 bits, under Hugging Face's names, with those of the format. */
const FORMATS = {
  bfloat16: { dtype: "BF16", narrow: toBfloat16 },
  float16: { dtype: "F16", narrow: toFloat16 },
} as const;

export type HalfPrecision = keyof typeof FORMATS;

/**
 * All parameters as safetensors in 16 bits, rounded to the nearest.
 *
 * @throws {Error} when weights are too large for float16.
 */
export function encodeHalf(parameters: ParameterArrays, precision: HalfPrecision): Uint8Array {
  const { dtype, narrow } = FORMATS[precision];
  const tensors = namedTensors(parameters).sort((a, b) => a.name < b.name ? -1 : 1);
  const header = safetensorsHeader(tensors.map(({ name, shape }) => {
    return { name, shape, dtype, bytes: 2 * sizeOf(shape) };
  }));
  const bytes = tensors.reduce((sum, { data }) => sum + 2 * data.length, header.length);
  const file = new Uint8Array(bytes);
  file.set(header);
  let position = header.length;
  for (const { name, data } of tensors) {
    const { buffer } = narrow(data as Float32Array, name);
    file.set(new Uint8Array(buffer), position);
    position += buffer.byteLength;
  }
  return file;
}

/** The upper half of a float32, rounded to the nearest, ties to even, as PyTorch does. */
export function toBfloat16(data: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(bits, (x) => (x + 0x7fff + (x >>> 16 & 1)) >>> 16);
}

function toFloat16(data: Float32Array, name: string): Float16Array<ArrayBuffer> {
  const halves = Float16Array.from(data);
  const lost = halves.reduce((count, half) => count + (Number.isFinite(half) ? 0 : 1), 0);
  if (lost === 0) return halves;
  throw new Error(
    `${counted(lost, "weight")} of "${name}" cannot be stored as float16; export in bfloat16`,
  );
}
