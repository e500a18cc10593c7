/**
 * Weights in fewer bits, symmetric around zero, as ONNX Runtime's MatMulNBits needs them. Activations stay float32.
 *
 * @module
 */
import type { QuantizedMatrix } from "../graph/mod.ts";

/** Bits of a quantized weight. */
export type WeightBits = 4 | 8;

/** Number of weights that share a scale. */
const BLOCK_SIZE = 32;

/**
 * Quantizes a weight: w ≈ scale · (code - zero), zero = 2^(bits-1). The scale of a block maps its weight of largest
 * magnitude to -zero, which uses one code more than a scale for +(zero - 1) would.
 *
 * @param data float32 [out, in], row-major.
 * @param into length of a row; its last block is padded with zeros.
 */
export function quantizeWeight(
  data: Float32Array,
  into: number,
  bits: WeightBits,
): QuantizedMatrix {
  const rows = data.length / into, blocks = Math.ceil(into / BLOCK_SIZE);
  const zero = 2 ** (bits - 1), per_byte = 8 / bits;
  const codes = new Uint8Array(rows * blocks * BLOCK_SIZE / per_byte);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * into + block * BLOCK_SIZE;
      const size = Math.min(BLOCK_SIZE, into - block * BLOCK_SIZE);
      const at = row * blocks + block;
      const scale = scales[at] = -largest(data, start, size) / zero || 0;
      for (let i = 0; i < BLOCK_SIZE; i++) {
        const w = i < size ? data[start + i] : 0;
        const steps = scale === 0 ? 0 : Math.round(w / scale);
        const code = Math.max(0, Math.min(2 * zero - 1, steps + zero));
        const place = at * BLOCK_SIZE + i;
        codes[Math.floor(place / per_byte)] |= code << (bits * (place % per_byte)) % 8;
      }
    }
  }
  return { codes, scales, blocks, block_size: BLOCK_SIZE };
}

/** The entry of largest magnitude, with its sign. */
function largest(data: Float32Array, start: number, size: number): number {
  let found = 0;
  for (let i = start; i < start + size; i++) {
    if (Math.abs(data[i]) > Math.abs(found)) found = data[i];
  }
  return found;
}

/**
 * Quantizes the rows of an embedding to int8: w ≈ scale · code with scale = max |w| / 127 of the row.
 *
 * @param data float32 [rows, width].
 */
export function quantizeRows(
  data: Float32Array,
  width: number,
): { codes: Int8Array; scales: Float32Array } {
  const codes = new Int8Array(data.length), scales = new Float32Array(data.length / width);
  for (let row = 0; row < scales.length; row++) {
    const scale = scales[row] = Math.abs(largest(data, row * width, width)) / 127;
    if (scale === 0) continue;
    for (let i = row * width; i < (row + 1) * width; i++) codes[i] = Math.round(data[i] / scale);
  }
  return { codes, scales };
}
