/**
 * Linear CKA between layers of models, in one pass over their features.
 *
 * @module
 */
import { align, type CkaEstimator, ESTIMATORS, type Moments } from "./cka_estimators.ts";
import { Layer } from "./cka_features.ts";
import { jackknifeInterval } from "./cka_jackknife.ts";
import { type CrossProduct, crossProduct, PairSums, sumOf, without } from "./cka_sums.ts";
import type { Interval } from "./statistics.ts";

/** What a model state looks like to {@link CkaAccumulator}. */
export interface StateShape {
  readonly name: string;
  /** Number of feature matrices, embedding included. */
  readonly layers: number;
  /** Features per row, the same in all layers. */
  readonly width: number;
}

export interface CkaOptions {
  readonly states: readonly StateShape[];
  /**
   * Pairs of states to compare, by name; a state may be paired with itself. All of them by default. Memory is
   * 8 bytes · width² for each pair of layers, so with wide models compare a few pairs at a time.
   */
  readonly pairs?: readonly (readonly [string, string])[];
  /** "biased" by default, see {@link CkaAccumulator}. */
  readonly estimator?: CkaEstimator;
  /**
   * Groups of rows, at least 2, for intervals between layers of the same number, and between last layers. Memory for
   * these pairs, and for the own terms of all layers, is so many times as much. 0 by default: no intervals.
   */
  readonly groups?: number;
  /** Defaults to the plain loop of {@link crossProduct}. */
  readonly crossProduct?: CrossProduct;
}

/**
 * Linear centred kernel alignment between the layers of several models on the same inputs, in one pass, with
 * memory that does not depend on the number of rows (Kornblith, Norouzi, Lee and Hinton, "Similarity of Neural
 * Network Representations Revisited", ICML 2019, section 3):
 *
 *     CKA(X, Y) = HSIC(X, Y) / √(HSIC(X, X) HSIC(Y, Y))
 *
 * Each layer's own term is computed once, however many pairs it is in. There are two estimators of HSIC:
 *
 * - "biased", the plain one, ‖Ycᵀ Xc‖²_F with columns centred over all rows: 0 to 1. It is close to 1 for anything
 *   when there are fewer rows than features, so use many more rows than features.
 * - "unbiased", HSIC₁ of Song et al. 2012, by which Nguyen, Raghu and Kornblith, "Do Wide and Deep Networks Learn the
 *   Same Things?", ICLR 2021, average over minibatches; here it is that of all rows at once. Around 0 for features
 *   that have nothing to do with each other, however few the rows, so also below it: -1 to 1.
 *
 * The first is the default since published values, the paper's too, are of it; with many rows they are equal.
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

  /** @throws {Error} when a state is named twice, a pair names no state, or there is a single group. */
  constructor(options: CkaOptions) {
    const { estimator = "biased", groups = 0 } = options;
    if (!Number.isSafeInteger(groups) || groups < 0 || groups === 1) {
      throw new Error(`groups is ${groups}; an interval takes at least 2, and 0 is for none`);
    }
    this.#estimator = estimator;
    this.#crossProduct = options.crossProduct ?? crossProduct;
    this.#sums = new PairSums(groups);
    const { with_norms } = ESTIMATORS[estimator];
    for (const state of options.states) {
      if (this.#layers.has(state.name)) {
        throw new Error(`two states are named "${state.name}"; rename one`);
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
   * @param features by state, one float32 [rows, width] per layer; row i belongs to the same input everywhere.
   * @param group number of the group that all these rows belong to.
   * @throws {Error} when a state or layer is missing, of the wrong size, or not finite. After an error the
   *   accumulator must not be used.
   */
  async add(features: Readonly<Record<string, readonly Float32Array[]>>, rows: number, group = 0) {
    const groups = this.#sums.rows.length;
    if (!(group in this.#sums.rows)) {
      throw new Error(`there is no group ${group}; groups are 0 to ${groups - 1}`);
    }
    if (rows === 0) return;
    const shifted = new Map<Layer, Float32Array>();
    for (const [name, layers] of this.#layers) {
      const given = features[name] ?? [];
      if (given.length !== layers.length) {
        throw new Error(
          `state "${name}" has ${layers.length} layers, but features of ${given.length} were given`,
        );
      }
      layers.forEach((layer, i) => shifted.set(layer, layer.add(given[i], rows, group)));
    }
    await this.#sums.add(shifted, rows, group, this.#crossProduct);
  }

  /**
   * CKA of every layer of one state with every layer of another. A layer whose features are the same in all rows
   * has CKA 0 with anything, itself included: it represents nothing.
   *
   * @returns float64 [layers_a, layers_b], row-major, up to rounding 0 to 1 if biased, -1 to 1 if unbiased.
   * @throws {Error} when the pair was not accumulated or there are too few rows: 2 if biased, 4 if unbiased.
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
   * Intervals around {@link result} that tell how it would differ on other rows of the kind: the jackknife over groups.
   * It leaves out one group after the other, so `groups` numbers are behind an interval.
   *
   * @returns an interval for each pair of layers as in `result`; NaN where groups are not kept apart.
   * @throws {Error} as `result`, and when a group is empty.
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
      if (!this.#sums.groupsApart(x, y)) return { ci_low: NaN, ci_high: NaN };
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
        `${this.#estimator} CKA needs at least ${fewest_rows} rows of features, and has ${rows}${of}`,
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
      throw new Error(
        `no state is named "${name}"; there are ${[...this.#layers.keys()].join(", ")}`,
      );
    }
    return layers;
  }
}

function layersOf({ name, layers, width }: StateShape, groups: number, with_norms: boolean) {
  return Array.from({ length: layers }, (_, index) => {
    return new Layer({ state: name, index, last: index === layers - 1, width }, groups, with_norms);
  });
}

/** A function of a layer that is computed once for each. */
function memoize<T>(compute: (layer: Layer) => T): (layer: Layer) => T {
  const known = new Map<Layer, T>();
  return (layer) => {
    if (!known.has(layer)) known.set(layer, compute(layer));
    return known.get(layer)!;
  };
}
