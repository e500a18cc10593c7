/**
 * The features of a layer, made ready for products in float32.
 *
 * @module
 */

interface LayerShape {
  readonly state: string;
  readonly index: number;
  /** Whether it is the last layer of its state. */
  readonly last: boolean;
  /** Features per row. */
  readonly width: number;
}

/** A layer of a state: the sums of its features, and what they are shifted by. */
export class Layer {
  /** By group, sums of the columns of shifted rows. */
  readonly sums: readonly Float64Array[];
  /** [width] mean of the first batch. */
  #shift: Float32Array | undefined;

  /**
   * @param groups 0 for none.
   * @param with_norms whether each row is followed by its squared norm.
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
   * @param features float32 [rows, width].
   * @returns the shifted rows, float32 [rows, columns].
   * @throws {Error} when there are too many or too few values, or some are not finite.
   */
  add(features: Float32Array, rows: number, group: number): Float32Array {
    const { state, index, width } = this.shape;
    if (features.length !== rows * width) {
      throw new Error(
        `layer ${index} of state "${state}" has ${features.length} values; ${rows} rows of ${width} are needed`,
      );
    }
    this.#shift ??= columnMeans(features, width);
    const shifted = shiftRows(features, this.#shift, this.with_norms);
    addRows(this.sums[group], shifted);
    if (!this.sums[group].every(Number.isFinite)) {
      throw new Error(`layer ${index} of state "${state}" holds values that are NaN or infinite`);
    }
    return shifted;
  }
}

/**
 * Subtracts `shift` from every row [width] of features [rows, width]; each row may be followed by a column of its
 * squared norm.
 *
 * CKA is indifferent to a constant shift, float32 products are not: hidden states have features whose mean is
 * many times their deviation, and Σ x y - (Σ x)(Σ y) / n would cancel their leading digits (Chan, Golub and
 * LeVeque, "Algorithms for Computing the Sample Variance", 1983).
 *
 * @returns float32 [rows, width], or [rows, width + 1] with norms.
 */
function shiftRows(
  features: Float32Array,
  shift: Float32Array,
  with_norms: boolean,
): Float32Array {
  const width = shift.length, columns = with_norms ? width + 1 : width;
  const shifted = new Float32Array(features.length / width * columns);
  for (let from = 0, to = 0; from < features.length; from += width, to += columns) {
    let norm = 0;
    for (let j = 0; j < width; j++) {
      const value = shifted[to + j] = features[from + j] - shift[j];
      norm += value * value;
    }
    if (with_norms) shifted[to + width] = norm;
  }
  return shifted;
}

/** Adds every row to `sums`. */
function addRows(sums: Float64Array, rows: Float32Array): void {
  const columns = sums.length;
  for (let at = 0; at < rows.length; at += columns) {
    for (let j = 0; j < columns; j++) sums[j] += rows[at + j];
  }
}

/** The mean of each column of features [rows, width], rounded to float32 so that constant features become 0 exactly. */
function columnMeans(features: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width);
  addRows(sums, features);
  return Float32Array.from(sums, (sum) => sum * width / features.length);
}
