/**
 * Sums over rows for pairs of layers, by group of rows where intervals ask for it.
 *
 * @module
 */
import type { Moments } from "./cka_estimators.ts";
import type { Layer } from "./cka_features.ts";

/**
 * Computes XᵀY for X float32 [rows, x.length / rows] and Y float32 [rows, y.length / rows], row-major; returns
 * [width_x, width_y] row-major, float32 or float64.
 */
export type CrossProduct = (
  x: Float32Array,
  y: Float32Array,
  rows: number,
) => Promise<Float32Array | Float64Array> | Float32Array | Float64Array;

/** Sums of outer products of the layers of each pair that has been reserved. */
export class PairSums {
  /** Rows added so far, by group. */
  readonly rows: number[];
  /** The first key is the earlier layer. By group where groups are kept apart, else a single sum. */
  readonly #products = new Map<Layer, Map<Layer, readonly Float64Array[]>>();

  /** @param groups 0 for none. */
  constructor(groups: number) {
    this.rows = Array.from({ length: Math.max(1, groups) }, () => 0);
  }

  /** Makes room for a pair of layers unless it, or its mirror image, is there already. */
  reserve(x: Layer, y: Layer): void {
    if (this.#products.get(x)?.has(y) || this.#products.get(y)?.has(x)) return;
    const row = this.#products.get(x) ?? new Map<Layer, readonly Float64Array[]>();
    const length = this.groupsApart(x, y) ? this.rows.length : 1;
    row.set(y, Array.from({ length }, () => new Float64Array(x.columns * y.columns)));
    this.#products.set(x, row);
  }

  /** Whether groups are kept apart: for all pairs it would take too much memory. */
  groupsApart(x: Layer, y: Layer): boolean {
    return this.rows.length > 1 &&
      (x.shape.index === y.shape.index || (x.shape.last && y.shape.last));
  }

  /** Adds the outer products of a batch of rows, which all belong to one group. */
  async add(
    features: ReadonlyMap<Layer, Float32Array>,
    rows: number,
    group: number,
    crossProduct: CrossProduct,
  ): Promise<void> {
    for (const [x, row] of this.#products) {
      for (const [y, sums] of row) {
        const product = await crossProduct(features.get(x)!, features.get(y)!, rows);
        const sum = sums[sums.length === 1 ? 0 : group];
        for (let i = 0; i < sum.length; i++) sum[i] += product[i];
      }
    }
    this.rows[group] += rows;
  }

  /**
   * Sums over the rows of each group, or over all rows where groups are not kept apart. Those of (y, x) may be given for
   * (x, y).
   */
  moments(x: Layer, y: Layer): Moments[] {
    const products = this.#products.get(x)?.get(y);
    if (products === undefined) {
      if (this.#products.get(y)?.has(x)) return this.moments(y, x);
      throw new Error(
        `states "${x.shape.state}" and "${y.shape.state}" were not accumulated together; list the pair`,
      );
    }
    const sums = this.rows.map((rows, group) => ({ rows, x: x.sums[group], y: y.sums[group] }));
    if (products.length > 1) return products.map((product, group) => ({ ...sums[group], product }));
    const nothing = new Float64Array();
    const all = sumOf(sums.map((group) => ({ ...group, product: nothing })));
    return [{ ...all, product: products[0] }];
  }
}

/** Sums of one group of rows, or of all of them. */
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

/** Sums of all rows but those of one group. */
export function without(total: Moments, group: Moments): Moments {
  const rest = (part: "x" | "y" | "product") => total[part].map((sum, i) => sum - group[part][i]);
  return { rows: total.rows - group.rows, x: rest("x"), y: rest("y"), product: rest("product") };
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
