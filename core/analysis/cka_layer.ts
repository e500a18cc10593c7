/**
 * The features of one layer as CKA sums them: shifted and scaled, so that float32 products neither cancel nor overflow.
 *
 * @module
 */
import { counted } from "../words/mod.ts";
import type { Rows } from "./cka_rows.ts";

interface LayerShape {
  readonly state: string;
  readonly index: number;
  /** Whether it is the last layer of its state. */
  readonly last: boolean;
  /** Features per row. */
  readonly width: number;
}

/** A layer of a state: the sums of its features, and the shift subtracted from them. */
export class Layer {
  /** By group, sums of the columns of shifted rows. */
  readonly sums: readonly Float64Array[];
  /** [width] mean of the first batch. */
  #shift: Float32Array | undefined;
  /** A power of two; undefined while all rows are equal. */
  #scale: number | undefined;

  /**
   * @param groups number of groups; 0 for none.
   * @param with_norms whether to append each row's squared norm.
   */
  constructor(readonly shape: LayerShape, groups: number, readonly with_norms: boolean) {
    const columns = with_norms ? shape.width + 1 : shape.width;
    this.sums = Array.from({ length: Math.max(1, groups) }, () => new Float64Array(columns));
  }

  /** Columns of shifted rows. */
  get columns(): number {
    return this.sums[0].length;
  }

  /**
   * Adds a batch to the sums.
   *
   * @param features [rows, width].
   * @returns the shifted and scaled rows [rows, columns], as precise as the features, and the factor by which the scale has
   * changed: what was summed before must be multiplied by it.
   * @throws {Error} when the number of values is wrong, or the features contain NaN/Inf.
   */
  add(features: Rows, rows: number, group: number): ScaledRows {
    const { state, index, width } = this.shape;
    if (features.length !== rows * width) {
      throw new Error(
        `layer ${index} of state "${state}" has ${features.length} values, expected ${
          counted(rows, "row")
        } of ${width}`,
      );
    }
    this.#shift ??= columnMeans(features, width);
    const deviation = deviationFrom(features, this.#shift);
    if (!Number.isFinite(deviation)) {
      throw new Error(`layer ${index} of state "${state}" contains NaN/Inf`);
    }
    const factor = this.#rescale(deviation);
    const shifted = shiftRows(features, this.#shift, this.#scale ?? 1, this.with_norms);
    addRows(this.sums[group], shifted);
    return { rows: shifted, factor };
  }

  /**
   * Chooses the scale by the first rows that differ, and again where later rows are far larger.
   *
   * @returns the factor by which it has changed.
   */
  #rescale(deviation: number): number {
    const before = this.#scale;
    if (deviation === 0 || (before !== undefined && deviation * before <= MAX_DEVIATION)) return 1;
    this.#scale = 2 ** -Math.round(Math.log2(deviation));
    const factor = before === undefined ? 1 : this.#scale / before;
    for (const sums of this.sums) {
      sums.forEach((sum, column) => sums[column] = sum * this.columnFactor(column, factor));
    }
    return factor;
  }

  /** The factor of a column when features are multiplied by `factor`: squared norms are by its square. */
  columnFactor(column: number, factor: number): number {
    return column === this.shape.width ? factor * factor : factor;
  }
}

/** Rows of a layer as they are summed. */
export interface ScaledRows {
  readonly rows: Rows;
  readonly factor: number;
}

/** Scaled rows deviate by about 1; by more than this, the scale is chosen again. */
const MAX_DEVIATION = 256;

/** Root mean square of features [rows, width] minus `shift` [width], in float64. */
function deviationFrom(features: Rows, shift: Float32Array): number {
  const width = shift.length;
  let squares = 0;
  for (let at = 0; at < features.length; at += width) {
    for (let j = 0; j < width; j++) squares += (features[at + j] - shift[j]) ** 2;
  }
  return Math.sqrt(squares / features.length);
}

/**
 * Subtracts `shift` from every row [width] of features [rows, width], multiplies by `scale`, and optionally appends the
 * row's squared norm.
 *
 * CKA is invariant to a constant shift, but float32 products are not: hidden states have features whose mean is many
 * times their deviation, and Σ x y - (Σ x)(Σ y) / n would cancel their leading digits (Chan, Golub and LeVeque,
 * "Algorithms for Computing the Sample Variance", 1983).
 *
 * CKA is invariant to a scale as well, but the range of float32 ends at 3e38, and the unbiased estimator needs products
 * of squared norms: fourth powers of features. A power of two changes no digit.
 *
 * @returns [rows, width], or [rows, width + 1] with norms.
 */
function shiftRows(
  features: Rows,
  shift: Float32Array,
  scale: number,
  with_norms: boolean,
): Rows {
  const width = shift.length, columns = with_norms ? width + 1 : width;
  const size = features.length / width * columns;
  const shifted = features instanceof Float64Array
    ? new Float64Array(size)
    : new Float32Array(size);
  for (let from = 0, to = 0; from < features.length; from += width, to += columns) {
    let norm = 0;
    for (let j = 0; j < width; j++) {
      const value = shifted[to + j] = (features[from + j] - shift[j]) * scale;
      norm += value * value;
    }
    if (with_norms) shifted[to + width] = norm;
  }
  return shifted;
}

/** Adds each row to `sums`. */
function addRows(sums: Float64Array, rows: Rows): void {
  const columns = sums.length;
  for (let at = 0; at < rows.length; at += columns) {
    for (let j = 0; j < columns; j++) sums[j] += rows[at + j];
  }
}

/** Mean of each column of features [rows, width], rounded to float32 so that constant features become exactly 0. */
function columnMeans(features: Rows, width: number): Float32Array {
  const sums = new Float64Array(width);
  addRows(sums, features);
  return Float32Array.from(sums, (sum) => sum * width / features.length);
}
