/**
 * Loops for ops that oneDNN has no primitive for. They run on one thread, in a fixed order.
 *
 * @module
 */
import { LOWEST } from "../../graph/mod.ts";
import type { HostArray } from "./program.ts";

interface Strided {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** out[i, :] = table[ids[i], :], both dense. */
export function gatherRows(
  table: HostArray,
  ids: HostArray,
  out: HostArray,
  width: number,
  count: number,
) {
  for (let i = 0; i < count; i++) {
    const from = ids[i] * width;
    out.set(table.subarray(from, from + width), i * width);
  }
}

/** out[j, i] = table[j, ids[i]], both dense; `columns` is the width of the table. */
export function gatherColumns(
  table: HostArray,
  ids: HostArray,
  out: HostArray,
  { rows, columns, count }: { rows: number; columns: number; count: number },
) {
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < count; i++) out[j * count + i] = table[j * columns + ids[i]];
  }
}

/**
 * Rotates x [B, T, H, E] in place: with R/2 columns in the tables [T, R/2],
 * (x_j, x_{j+R/2}) -> (x_j cos - x_{j+R/2} sin, x_{j+R/2} cos + x_j sin).
 *
 * @param sign of the sine: -1 rotates back.
 */
export function rotate(
  x: HostArray,
  { shape: [B, T, H], strides }: Strided,
  { cos, sin, sign }: { cos: Float32Array; sin: Float32Array; sign: number },
) {
  const half = cos.length / T;
  const [s0, s1, s2] = strides;
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      for (let h = 0; h < H; h++) {
        const at = b * s0 + t * s1 + h * s2;
        for (let j = 0; j < half; j++) {
          const c = cos[t * half + j], s = sign * sin[t * half + j];
          const low = x[at + j], high = x[at + half + j];
          x[at + j] = low * c - high * s;
          x[at + half + j] = high * c + low * s;
        }
      }
    }
  }
}

/**
 * The mask that is added to the scores of a block of `size` queries after `before` others. For query t = before + i of row b,
 * mask[b, i, k] is 0 on the keys from document_start[b, t] to t and the lowest float32 on the others.
 *
 * @param document_start [rows, length], dense.
 * @param mask [rows, size, before + size], dense.
 */
export function documentMask(
  document_start: HostArray,
  mask: HostArray,
  { rows, length, size, before }: Record<"rows" | "length" | "size" | "before", number>,
) {
  const width = before + size;
  for (let b = 0; b < rows; b++) {
    for (let i = 0; i < size; i++) {
      const t = before + i, at = (b * size + i) * width;
      mask.fill(LOWEST, at, at + width);
      mask.fill(0, at + document_start[b * length + t], at + t + 1);
    }
  }
}

/** Probabilities below this have lost digits, or are 0. */
const TINY = 1e-30;

/**
 * nll[i] = -log p[i, labels[i]], with p = softmax(z). Where that has underflowed it is log Σ exp(z - max) + max -
 * z_label of the row.
 */
export function negativeLogLikelihood(
  { p, z, labels, nll }: Record<"p" | "z" | "labels" | "nll", HostArray>,
  vocab_size: number,
  count: number,
) {
  for (let i = 0; i < count; i++) {
    const row = i * vocab_size, label = labels[i];
    const probability = p[row + label];
    nll[i] = probability > TINY
      ? -Math.log(probability)
      : logSumExp(z, row, vocab_size) - z[row + label];
  }
}

function logSumExp(z: HostArray, row: number, length: number): number {
  let max = -Infinity, sum = 0;
  for (let k = row; k < row + length; k++) max = Math.max(max, z[k]);
  for (let k = row; k < row + length; k++) sum += Math.exp(z[k] - max);
  return max + Math.log(sum);
}

/** Σ x, in float64. */
export function total(x: HostArray, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += x[i];
  return sum;
}
