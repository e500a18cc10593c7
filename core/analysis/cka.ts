/**
 * Linear CKA between layers of models, in one pass over their features.
 *
 * @module
 */
import { counted } from "../words/mod.ts";
import {
  align,
  type CkaEstimator,
  type CrossProduct,
  crossProduct,
  ESTIMATORS,
  type Moments,
  PairSums,
  sumOf,
  without,
} from "./cka_sums.ts";
import { Layer, type ScaledRows } from "./cka_layer.ts";
import type { Rows } from "./cka_rows.ts";
import { type Interval, mean, NO_INTERVAL, studentInterval } from "./statistics.ts";

/** A model state: its name, and the shape of its features. */
export interface StateShape {
  readonly name: string;
  /** Number of feature matrices, including the embedding. */
  readonly layers: number;
  /** Features per row, the same in every layer. */
  readonly width: number;
}

export interface CkaOptions {
  readonly states: readonly StateShape[];
  /**
   * Pairs of states to compare, by name; a state may be paired with itself. All pairs by default. Memory is
   * 8 bytes · width² per pair of layers, so compare wide models a few pairs at a time.
   */
  readonly pairs?: readonly (readonly [string, string])[];
  /** "biased" by default, see {@link CkaAccumulator}. */
  readonly estimator?: CkaEstimator;
  /**
   * Number of jackknife groups, at least 2, for intervals between layers of the same index and between last layers. It
   * multiplies the memory of these pairs and of each layer's own term. 0 by default: no intervals.
   */
  readonly groups?: number;
  /** Defaults to {@link crossProduct}, a plain loop. */
  readonly crossProduct?: CrossProduct;
}

/**
 * Linear centered kernel alignment between the layers of several models on the same inputs, in one pass, with memory
 * independent of the number of rows (Kornblith, Norouzi, Lee and Hinton, "Similarity of Neural Network Representations
 * Revisited", ICML 2019, section 3):
 *
 *     CKA(X, Y) = HSIC(X, Y) / √(HSIC(X, X) HSIC(Y, Y))
 *
 * Each layer's own term is computed once, however many pairs it is part of. There are two estimators of HSIC:
 *
 * - "biased": ‖Ycᵀ Xc‖²_F with columns centered over all rows, so CKA is 0 to 1. With fewer rows than features it is
 *   close to 1 for any two layers, so use many more rows than features.
 * - "unbiased": HSIC₁ of Song et al. 2012, which Nguyen, Raghu and Kornblith, "Do Wide and Deep Networks Learn the Same
 *   Things?", ICLR 2021, average over minibatches; here it is computed over all rows at once. Around 0 for unrelated
 *   features, however few the rows, so CKA can be negative: -1 to 1.
 *
 * "biased" is the default because published values, including the paper's, use it; with many rows the two agree.
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
  readonly #estimator: CkaEstimator;
  readonly #crossProduct: CrossProduct;
  readonly #sums: PairSums;

  /** @throws {Error} when two states have the same name, a pair names an unknown state, or `groups` is 1. */
  constructor(options: CkaOptions) {
    const { estimator = "biased", groups = 0 } = options;
    if (!Number.isSafeInteger(groups) || groups < 0 || groups === 1) {
      throw new Error(`groups must be at least 2, or 0 for no intervals, got ${groups}`);
    }
    this.#estimator = estimator;
    this.#crossProduct = options.crossProduct ?? crossProduct;
    this.#sums = new PairSums(groups);
    const { with_norms } = ESTIMATORS[estimator];
    for (const state of options.states) {
      if (this.#layers.has(state.name)) {
        throw new Error(`duplicate state name "${state.name}"`);
      }
      this.#layers.set(state.name, layersOf(state, groups, with_norms));
    }
    const names = options.states.map(({ name }) => name);
    const pairs = options.pairs ?? names.flatMap((a, i) => names.slice(i).map((b) => [a, b]));
    for (const layer of [...this.#layers.values()].flat()) this.#sums.reserve(layer, layer);
    for (const [a, b] of pairs) {
      for (const x of this.#state(a)) for (const y of this.#state(b)) this.#sums.reserve(x, y);
    }
  }

  /** Rows added so far. */
  get rows(): number {
    return this.#sums.rows.reduce((sum, rows) => sum + rows, 0);
  }

  /**
   * Adds a batch of rows.
   *
   * @param features by state, one [rows, width] per layer; row i is the same input in every layer and state.
   * @param group index of the group that all these rows belong to.
   * @throws {Error} when a state or layer is missing, has the wrong size, or contains NaN/Inf. Do not use the
   *   accumulator after an error.
   */
  async add(features: Readonly<Record<string, readonly Rows[]>>, rows: number, group = 0) {
    const groups = this.#sums.rows.length;
    if (!(group in this.#sums.rows)) {
      throw new Error(`unknown group ${group}; groups are 0 to ${groups - 1}`);
    }
    if (rows === 0) return;
    const shifted = new Map<Layer, ScaledRows>();
    for (const [name, layers] of this.#layers) {
      const given = features[name] ?? [];
      if (given.length !== layers.length) {
        throw new Error(
          `state "${name}" has ${counted(layers.length, "layer")}, got features of ${given.length}`,
        );
      }
      layers.forEach((layer, i) => shifted.set(layer, layer.add(given[i], rows, group)));
    }
    await this.#sums.add(shifted, rows, group, this.#crossProduct);
  }

  /**
   * CKA of every layer of one state with every layer of another. A layer whose features are constant over all rows has
   * CKA 0 with every layer, including itself.
   *
   * @returns float64 [layers_a, layers_b], row-major: 0 to 1 (biased) or -1 to 1 (unbiased), up to rounding.
   * @throws {Error} when the pair was not accumulated, or there are fewer than 2 (biased) or 4 (unbiased) rows.
   */
  result(a: string, b: string): Float64Array {
    this.#checkRows(this.rows, "");
    const hsic = (x: Layer, y: Layer) => this.#hsic(sumOf(this.#sums.moments(x, y)));
    const own = memoize((layer) => hsic(layer, layer));
    return Float64Array.from(
      this.#pairs(a, b),
      ([x, y]) => align(hsic(x, y), own(x), own(y)),
    );
  }

  /**
   * Delete-one-group jackknife intervals around {@link result}, for other rows from the same distribution.
   *
   * @returns an interval for each pair of layers, ordered as in `result`; null where groups are not kept separate.
   * @throws {Error} like `result`, and when a group is empty.
   */
  interval(a: string, b: string, confidence = 0.95): Interval[] {
    const estimates = this.result(a, b);
    const { rows } = this.#sums;
    if (rows.length > 1) {
      if (rows.includes(0)) throw new Error(`group ${rows.indexOf(0)} has no rows`);
      this.#checkRows(this.rows - Math.max(...rows), " without the largest group");
    }
    const own = memoize((layer) => this.#deleted(layer, layer));
    return this.#pairs(a, b).map(([x, y], i) => {
      if (!this.#sums.groupsApart(x, y)) return NO_INTERVAL;
      const [own_x, own_y] = [own(x), own(y)];
      const deleted = this.#deleted(x, y).map((hsic, g) => align(hsic, own_x[g], own_y[g]));
      return jackknifeInterval(estimates[i], deleted, confidence);
    });
  }

  /** HSIC with each group left out. */
  #deleted(x: Layer, y: Layer): number[] {
    const groups = this.#sums.moments(x, y), total = sumOf(groups);
    return groups.map((group) => this.#hsic(without(total, group)));
  }

  #hsic(moments: Moments): number {
    return ESTIMATORS[this.#estimator].hsic(moments);
  }

  #checkRows(rows: number, of: string): void {
    const { fewest_rows } = ESTIMATORS[this.#estimator];
    if (rows < fewest_rows) {
      throw new Error(
        `${this.#estimator} CKA needs at least ${fewest_rows} rows of features, got ${rows}${of}`,
      );
    }
  }

  /** Pairs of layers in the order of results. */
  #pairs(a: string, b: string): [Layer, Layer][] {
    return this.#state(a).flatMap((x) => this.#state(b).map((y): [Layer, Layer] => [x, y]));
  }

  #state(name: string): Layer[] {
    const layers = this.#layers.get(name);
    if (layers === undefined) {
      throw new Error(`unknown state "${name}"; states are ${[...this.#layers.keys()].join(", ")}`);
    }
    return layers;
  }
}

function layersOf({ name, layers, width }: StateShape, groups: number, with_norms: boolean) {
  return Array.from({ length: layers }, (_, index) => {
    return new Layer({ state: name, index, last: index === layers - 1, width }, groups, with_norms);
  });
}

/** A function of a layer that is computed at most once per layer. */
function memoize<T>(compute: (layer: Layer) => T): (layer: Layer) => T {
  const known = new Map<Layer, T>();
  return (layer) => {
    if (!known.has(layer)) known.set(layer, compute(layer));
    return known.get(layer)!;
  };
}

/**
 * The delete-one-group jackknife interval of a quantity, from its values with each of G groups of equal size left out
 * (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11):
 *
 *     θ ± t(G - 1) √((G - 1) / G · Σ (θ₋g - mean θ₋)²)
 *
 * Groups must be independent of each other; rows within a group need not be. Bounds may lie outside the quantity's
 * range.
 */
function jackknifeInterval(
  estimate: number,
  deleted: readonly number[],
  confidence = 0.95,
): Interval {
  const groups = deleted.length, centre = mean(deleted);
  const squares = deleted.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const error = Math.sqrt((groups - 1) / groups * squares);
  return studentInterval(estimate, { error, df: groups - 1 }, confidence);
}
