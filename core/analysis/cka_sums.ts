/**
 * What CKA is computed from: sums over rows, for pairs of layers and by group, and the estimators of HSIC.
 *
 * @module
 */
import type { Layer, ScaledRows } from "./cka_layer.ts";
import type { Rows } from "./cka_rows.ts";

/**
 * Computes XᵀY for X [rows, x.length / rows] and Y [rows, y.length / rows], row-major; returns [width_x, width_y] row-major,
 * float32 or float64.
 */
export type CrossProduct = (x: Rows, y: Rows, rows: number) => Promise<Rows> | Rows;

/** Sums of outer products for each reserved pair of layers. */
export class PairSums {
  /** Rows added so far, by group. */
  readonly rows: number[];
  /** By pair of layers: a sum for each group where groups are kept separate, else a single sum. */
  readonly #products = new Map<Layer, Map<Layer, readonly Float64Array[]>>();

  /** @param groups number of groups; 0 for none. */
  constructor(groups: number) {
    this.rows = Array.from({ length: Math.max(1, groups) }, () => 0);
  }

  /** Allocates the sums of a pair of layers, unless it or its transpose is already reserved. */
  reserve(x: Layer, y: Layer): void {
    if (this.#products.get(x)?.has(y) || this.#products.get(y)?.has(x)) return;
    const row = this.#products.get(x) ?? new Map<Layer, readonly Float64Array[]>();
    const length = this.groupsApart(x, y) ? this.rows.length : 1;
    row.set(y, Array.from({ length }, () => new Float64Array(x.columns * y.columns)));
    this.#products.set(x, row);
  }

  /** Whether groups are kept separate: only for some pairs, since all would need too much memory. */
  groupsApart(x: Layer, y: Layer): boolean {
    return this.rows.length > 1 &&
      (x.shape.index === y.shape.index || (x.shape.last && y.shape.last));
  }

  /** Adds the outer products of a batch of rows, all of one group. */
  async add(
    features: ReadonlyMap<Layer, ScaledRows>,
    rows: number,
    group: number,
    crossProduct: CrossProduct,
  ): Promise<void> {
    for (const [x, row] of this.#products) {
      for (const [y, sums] of row) {
        const [of_x, of_y] = [features.get(x)!, features.get(y)!];
        rescale(sums, x, y, of_x.factor, of_y.factor);
        const product = await crossProduct(of_x.rows, of_y.rows, rows);
        const sum = sums[sums.length === 1 ? 0 : group];
        for (let i = 0; i < sum.length; i++) sum[i] += product[i];
      }
    }
    this.rows[group] += rows;
  }

  /**
   * Sums over the rows of each group, or over all rows where groups are not kept separate. May return those of (y, x)
   * for (x, y).
   */
  moments(x: Layer, y: Layer): Moments[] {
    const products = this.#products.get(x)?.get(y);
    if (products === undefined) {
      if (this.#products.get(y)?.has(x)) return this.moments(y, x);
      throw new Error(
        `states "${x.shape.state}" and "${y.shape.state}" were not compared; add the pair to pairs`,
      );
    }
    const sums = this.rows.map((rows, group) => ({ rows, x: x.sums[group], y: y.sums[group] }));
    if (products.length > 1) return products.map((product, group) => ({ ...sums[group], product }));
    const nothing = new Float64Array();
    const all = sumOf(sums.map((group) => ({ ...group, product: nothing })));
    return [{ ...all, product: products[0] }];
  }
}

/** Multiplies sums of products [columns of x, columns of y] when the scale of a layer has changed. */
function rescale(
  sums: readonly Float64Array[],
  x: Layer,
  y: Layer,
  factor_x: number,
  factor_y: number,
): void {
  if (factor_x === 1 && factor_y === 1) return;
  for (const sum of sums) {
    for (let i = 0, at = 0; i < x.columns; i++) {
      const factor = x.columnFactor(i, factor_x);
      for (let j = 0; j < y.columns; j++, at++) sum[at] *= factor * y.columnFactor(j, factor_y);
    }
  }
}

/** The total over groups. */
export function sumOf(groups: readonly Moments[]): Moments {
  const [first, ...others] = groups;
  if (others.length === 0) return first;
  const total = { x: first.x.slice(), y: first.y.slice(), product: first.product.slice() };
  for (const group of others) {
    for (const part of ["x", "y", "product"] as const) {
      const sums = total[part], more = group[part];
      for (let i = 0; i < sums.length; i++) sums[i] += more[i];
    }
  }
  return { ...total, rows: groups.reduce((sum, { rows }) => sum + rows, 0) };
}

/** The total without one group. */
export function without(total: Moments, group: Moments): Moments {
  const rest = (part: "x" | "y" | "product") => total[part].map((sum, i) => sum - group[part][i]);
  return { rows: total.rows - group.rows, x: rest("x"), y: rest("y"), product: rest("product") };
}

/**
 * XᵀY in plain JavaScript with float64 sums: a reference for tests, too slow for wide models.
 *
 * @param x [rows, width_x]
 * @param y [rows, width_y]
 * @returns float64 [width_x, width_y]
 */
export function crossProduct(x: Rows, y: Rows, rows: number): Float64Array {
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

/** "biased" is the plain estimator of Kornblith et al. 2019, "unbiased" that of Nguyen et al. 2021. */
export type CkaEstimator = "biased" | "unbiased";

/** Sums over rows of the columns of X [rows, widthX] and Y [rows, widthY]. */
export interface Moments {
  readonly rows: number;
  /** [widthX] Σ x */
  readonly x: Float64Array;
  /** [widthY] Σ y */
  readonly y: Float64Array;
  /** [widthX, widthY] XᵀY */
  readonly product: Float64Array;
}

interface EstimatorRules {
  /** Minimum number of rows for which it is defined. */
  readonly fewest_rows: number;
  /** Whether it needs ‖x‖² appended to each row x. */
  readonly with_norms: boolean;
  /** HSIC(X, Y), the covariance of the kernels, up to a factor that depends only on the number of rows. */
  hsic(moments: Moments): number;
}

export const ESTIMATORS: Readonly<Record<CkaEstimator, EstimatorRules>> = {
  biased: { fewest_rows: 2, with_norms: false, hsic: biasedHsic },
  unbiased: { fewest_rows: 4, with_norms: true, hsic: unbiasedHsic },
};

/** HSIC(X, Y) / √(HSIC(X, X) HSIC(Y, Y)); 0 if either representation has no variance. */
export function align(hsic: number, own_x: number, own_y: number): number {
  return own_x <= 0 || own_y <= 0 ? 0 : hsic / Math.sqrt(own_x * own_y);
}

/**
 * (n - 1)² HSIC₀ = ‖Xcᵀ Yc‖²_F, with columns centered over all rows: Xcᵀ Yc = XᵀY - (Σ x)(Σ y)ᵀ / n.
 */
function biasedHsic({ rows, x, y, product }: Moments): number {
  let squares = 0;
  for (let i = 0, at = 0; i < x.length; i++) {
    const mean = x[i] / rows;
    for (let j = 0; j < y.length; j++, at++) squares += (product[at] - mean * y[j]) ** 2;
  }
  return squares;
}

/**
 * n (n - 3) HSIC₁ of Song, Smola, Gretton, Bedo and Borgwardt, "Feature Selection via Dependence Maximization", JMLR
 * 2012, for K = XXᵀ and L = YYᵀ, where ~ removes the diagonal and 1 is the vector of ones:
 *
 *     tr(K~ L~) + (1ᵀK~1)(1ᵀL~1) / ((n - 1)(n - 2)) - 2 / (n - 2) · 1ᵀK~L~1
 *
 * It is invariant to shifts, so assume centered columns. Then K1 = L1 = 0, and with kᵢ = ‖xᵢ‖², lᵢ = ‖yᵢ‖²
 *
 *     tr(K~ L~) = ‖XᵀY‖²_F - Σ kᵢlᵢ,   1ᵀK~1 = -Σ kᵢ,   1ᵀL~1 = -Σ lᵢ,   1ᵀK~L~1 = Σ kᵢlᵢ
 *     n (n - 3) HSIC₁ = ‖XᵀY‖²_F - n / (n - 2) · Σ kᵢlᵢ + Σ kᵢ Σ lᵢ / ((n - 1)(n - 2))
 *
 * which needs no n x n matrix. The last column of X is k and the last of Y is l, of rows that are not yet centered.
 */
function unbiasedHsic({ rows: n, x, y, product }: Moments): number {
  const a = centeringOf(n, x), b = centeringOf(n, y);
  const last_x = x.length - 1, last_y = y.length - 1;
  let squares = 0, norms = 0;
  for (let i = 0, at = 0; i <= last_x; i++) {
    const mean = x[i] / n;
    for (let j = 0; j <= last_y; j++, at++) {
      if (i < last_x && j < last_y) squares += (product[at] - mean * y[j]) ** 2;
      norms += a.weights[i] * b.weights[j] * product[at];
    }
  }
  // Σ (w·x + ‖m‖²)(v·y + ‖p‖²), where Σ w·x = Σ k - n ‖m‖²
  norms += b.square * a.norms + a.square * b.norms - n * a.square * b.square;
  return squares - n / (n - 2) * norms + a.norms * b.norms / ((n - 1) * (n - 2));
}

/**
 * The effect of centering on the norms of rows: ‖x - m‖² = ‖x‖² - 2 m·x + ‖m‖², with m the mean, is a constant plus a
 * weighted sum of the row's columns, of which ‖x‖² is the last.
 */
function centeringOf(rows: number, sums: Float64Array) {
  const last = sums.length - 1;
  const weights = sums.map((sum, i) => i === last ? 1 : -2 * sum / rows);
  let square = 0;
  for (let i = 0; i < last; i++) square += (sums[i] / rows) ** 2;
  /** `square` is ‖m‖²; `norms` is the sum of the norms of centered rows, Σ ‖x‖² - n ‖m‖². */
  return { weights, square, norms: sums[last] - rows * square };
}
