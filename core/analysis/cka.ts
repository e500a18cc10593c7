/** What a model state looks like to {@link CkaAccumulator}. */
export interface StateShape {
  readonly name: string;
  /** Number of feature matrices, embedding included. */
  readonly layers: number;
  /** Features per row, the same in all layers. */
  readonly width: number;
}

/**
 * Computes XᵀY for X float32 [rows, x.length / rows] and Y float32 [rows, y.length / rows], row-major; returns
 * [width_x, width_y] row-major, float32 or float64.
 */
export type CrossProduct = (
  x: Float32Array,
  y: Float32Array,
  rows: number,
) => Promise<Float32Array | Float64Array> | Float32Array | Float64Array;

export interface CkaOptions {
  readonly states: readonly StateShape[];
  /**
   * Pairs of states to compare, by name; a state may be paired with itself. All of them by default. Memory is
   * 8 bytes · width² for each pair of layers, so with wide models compare a few pairs at a time.
   */
  readonly pairs?: readonly (readonly [string, string])[];
  /** Defaults to the plain loop of {@link crossProduct}. */
  readonly crossProduct?: CrossProduct;
}

interface Layer {
  readonly state: string;
  readonly index: number;
  readonly width: number;
  /** [width] mean of the first batch. */
  shift: Float64Array | undefined;
  /** [width] sums of the shifted features. */
  readonly sum: Float64Array;
}

/**
 * Linear centred kernel alignment between the layers of several models on the same inputs, in one pass, with
 * memory that does not depend on the number of rows (Kornblith, Norouzi, Lee and Hinton, "Similarity of Neural
 * Network Representations Revisited", ICML 2019, section 3):
 *
 *     CKA(X, Y) = ‖Ycᵀ Xc‖²_F / (‖Xcᵀ Xc‖_F ‖Ycᵀ Yc‖_F),  Xc, Yc: columns centred over all rows
 *
 * Each layer's own term is computed once, however many pairs it is in. This is the plain (biased) estimator: it is
 * close to 1 for anything when there are fewer rows than features, so use many more rows than features.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CkaAccumulator } from "./mod.ts";
 *
 * const cka = new CkaAccumulator({
 *   states: [{ name: "base", layers: 1, width: 2 }, { name: "tuned", layers: 1, width: 1 }],
 * });
 * await cka.add({ base: [Float32Array.of(1, 0, 2, 0, 3, 0)], tuned: [Float32Array.of(3, 5, 7)] }, 3);
 * assert.ok(Math.abs(cka.result("base", "tuned")[0] - 1) < 1e-12); // a shift and a scale change nothing
 * ```
 */
export class CkaAccumulator {
  readonly #layers = new Map<string, Layer[]>();
  /** Sums of outer products of shifted features, by pair of layers; the first key is the earlier layer. */
  readonly #products = new Map<Layer, Map<Layer, Float64Array>>();
  readonly #crossProduct: CrossProduct;
  #rows = 0;

  /** @throws {Error} when a state is named twice or a pair names no state. */
  constructor(options: CkaOptions) {
    this.#crossProduct = options.crossProduct ?? crossProduct;
    for (const { name, layers, width } of options.states) {
      if (this.#layers.has(name)) throw new Error(`two states are named "${name}"; rename one`);
      this.#layers.set(
        name,
        Array.from({ length: layers }, (_, index) => ({
          state: name,
          index,
          width,
          shift: undefined,
          sum: new Float64Array(width),
        })),
      );
    }
    const names = options.states.map(({ name }) => name);
    const pairs = options.pairs ?? names.flatMap((a, i) => names.slice(i).map((b) => [a, b]));
    for (const layer of [...this.#layers.values()].flat()) this.#reserve(layer, layer);
    for (const [a, b] of pairs) {
      for (const x of this.#state(a)) for (const y of this.#state(b)) this.#reserve(x, y);
    }
  }

  /** Rows added so far. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Adds a batch of rows.
   *
   * @param features by state, one float32 [rows, width] per layer; row i belongs to the same input everywhere.
   * @throws {Error} when a state or layer is missing, of the wrong size, or not finite. After an error the
   *   accumulator must not be used.
   */
  async add(features: Readonly<Record<string, readonly Float32Array[]>>, rows: number) {
    if (rows === 0) return;
    const shifted = new Map<Layer, Float32Array>();
    for (const [name, layers] of this.#layers) {
      const given = features[name] ?? [];
      if (given.length !== layers.length) {
        throw new Error(
          `state "${name}" has ${layers.length} layers, but features of ${given.length} were given`,
        );
      }
      layers.forEach((layer, i) => shifted.set(layer, shift(layer, given[i], rows)));
    }
    for (const [x, row] of this.#products) {
      for (const [y, sum] of row) {
        const product = await this.#crossProduct(shifted.get(x)!, shifted.get(y)!, rows);
        for (let i = 0; i < sum.length; i++) sum[i] += product[i];
      }
    }
    this.#rows += rows;
  }

  /**
   * CKA of every layer of one state with every layer of another. A layer whose features are the same in all rows
   * has CKA 0 with anything, itself included: it represents nothing.
   *
   * @returns float64 [layers_a, layers_b], row-major, 0 to 1 up to rounding.
   * @throws {Error} when the pair was not accumulated or there are fewer than 2 rows.
   */
  result(a: string, b: string): Float64Array {
    if (this.#rows < 2) {
      throw new Error(`CKA needs at least 2 rows of features, and has ${this.#rows}`);
    }
    const rows = this.#state(a), columns = this.#state(b);
    return Float64Array.from({ length: rows.length * columns.length }, (_, i) => {
      const x = rows[Math.floor(i / columns.length)], y = columns[i % columns.length];
      const own = Math.sqrt(this.#squaredNorm(x, x) * this.#squaredNorm(y, y));
      return own === 0 ? 0 : this.#squaredNorm(x, y) / own;
    });
  }

  /**
   * ‖Xcᵀ Yc‖²_F from the sums over n rows of shifted features X', Y', where Xcᵀ Yc = X'ᵀ Y' - (Σ x')(Σ y')ᵀ / n.
   */
  #squaredNorm(x: Layer, y: Layer): number {
    const product = this.#products.get(x)?.get(y);
    if (product === undefined) {
      if (this.#products.get(y)?.has(x)) return this.#squaredNorm(y, x);
      throw new Error(
        `states "${x.state}" and "${y.state}" were not accumulated together; list the pair`,
      );
    }
    let sum = 0;
    for (let i = 0, at = 0; i < x.width; i++) {
      const mean = x.sum[i] / this.#rows;
      for (let j = 0; j < y.width; j++, at++) sum += (product[at] - mean * y.sum[j]) ** 2;
    }
    return sum;
  }

  #state(name: string): Layer[] {
    const layers = this.#layers.get(name);
    if (layers === undefined) {
      throw new Error(
        `no state is named "${name}"; there are ${[...this.#layers.keys()].join(", ")}`,
      );
    }
    return layers;
  }

  /** Makes room for a pair of layers unless it, or its mirror image, is there already. */
  #reserve(x: Layer, y: Layer): void {
    if (this.#products.get(x)?.has(y) || this.#products.get(y)?.has(x)) return;
    const row = this.#products.get(x) ?? new Map<Layer, Float64Array>();
    row.set(y, new Float64Array(x.width * y.width));
    this.#products.set(x, row);
  }
}

/**
 * Subtracts from every row the mean of the first batch, and adds the result to the layer's sums.
 *
 * CKA is indifferent to a constant shift, float32 products are not: hidden states have features whose mean is
 * many times their deviation, and Σ x y - (Σ x)(Σ y) / n would cancel their leading digits (Chan, Golub and
 * LeVeque, "Algorithms for Computing the Sample Variance", 1983).
 */
function shift(layer: Layer, features: Float32Array, rows: number): Float32Array {
  const { width, sum, state, index } = layer;
  if (features.length !== rows * width) {
    throw new Error(
      `layer ${index} of state "${state}" has ${features.length} values; ${rows} rows of ${width} are needed`,
    );
  }
  layer.shift ??= columnMeans(features, width);
  const shifted = new Float32Array(features.length);
  const { shift } = layer;
  for (let at = 0; at < features.length; at += width) {
    for (let j = 0; j < width; j++) sum[j] += shifted[at + j] = features[at + j] - shift[j];
  }
  if (!sum.every(Number.isFinite)) {
    throw new Error(`layer ${index} of state "${state}" holds values that are NaN or infinite`);
  }
  return shifted;
}

function columnMeans(features: Float32Array, width: number): Float64Array {
  const means = new Float64Array(width);
  for (let i = 0; i < features.length; i++) means[i % width] += features[i];
  const rows = features.length / width;
  return means.map((total) => total / rows);
}

/**
 * XᵀY in plain JavaScript with float64 sums: exact enough to check others by, too slow for wide models.
 *
 * @param x float32 [rows, width_x]
 * @param y float32 [rows, width_y]
 * @returns float64 [width_x, width_y]
 */
export function crossProduct(x: Float32Array, y: Float32Array, rows: number): Float64Array {
  const widthX = x.length / rows, widthY = y.length / rows;
  const product = new Float64Array(widthX * widthY);
  for (let row = 0; row < rows; row++) {
    const yAt = row * widthY;
    for (let i = 0; i < widthX; i++) {
      const value = x[row * widthX + i], at = i * widthY;
      for (let j = 0; j < widthY; j++) product[at + j] += value * y[yAt + j];
    }
  }
  return product;
}
