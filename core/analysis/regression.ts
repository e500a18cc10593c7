/**
 * A straight line through points, and what it says of further ones.
 *
 * @module
 */
import { checkPairs, type Interval, mean, studentQuantile } from "./statistics.ts";

/** What a line says of one point, with the interval in which it falls. */
export interface Prediction extends Interval {
  readonly value: number;
}

/**
 * Fits y = a + b x by least squares.
 *
 * @returns predicts y of a further point, with a prediction interval: for the point itself, not for the mean.
 * @throws {RangeError} for fewer than three points, an `x` that does not vary, or `x` and `y` of different length.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { fitLine } from "./mod.ts";
 *
 * const predict = fitLine([0, 1, 2, 3], [1, 3, 5, 7]);
 * assert.deepEqual(predict(10), { value: 21, ci_low: 21, ci_high: 21 });
 * ```
 */
export function fitLine(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  confidence = 0.95,
): (x: number) => Prediction {
  const n = checkPairs(x, y, confidence);
  const [centre_x, centre_y] = [mean(x), mean(y)];
  let square_x = 0, product = 0;
  for (let i = 0; i < n; i++) {
    square_x += (x[i] - centre_x) ** 2;
    product += (x[i] - centre_x) * (y[i] - centre_y);
  }
  if (n < 3 || square_x === 0) {
    throw new RangeError(`a line needs three points or more that differ in x; there are ${n}`);
  }
  const slope = product / square_x;
  const at = (place: number) => centre_y + slope * (place - centre_x);
  let residual = 0;
  for (let i = 0; i < n; i++) residual += (y[i] - at(x[i])) ** 2;
  const quantile = studentQuantile((1 + confidence) / 2, n - 2);
  return (place) => {
    // s² (1 + 1/n + (x - x̄)² / Σ (xᵢ - x̄)²),  s² = Σ (yᵢ - ŷᵢ)² / (n - 2)
    const variance = residual / (n - 2) * (1 + 1 / n + (place - centre_x) ** 2 / square_x);
    const [value, half] = [at(place), quantile * Math.sqrt(variance)];
    return { value, ci_low: value - half, ci_high: value + half };
  };
}
