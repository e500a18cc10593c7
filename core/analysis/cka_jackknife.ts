/**
 * How sure a CKA is: the delete-one-group jackknife.
 *
 * @module
 */
import { type Interval, mean, studentQuantile } from "./statistics.ts";

/**
 * The interval of a quantity from its values with each of G groups of equal size left out (Efron and Tibshirani, "An
 * Introduction to the Bootstrap", 1993, chapter 11):
 *
 *     θ ± t(G - 1) √((G - 1) / G · Σ (θ₋g - mean θ₋)²)
 *
 * Groups have to be independent of each other, rows within a group need not be. Bounds are not cut off where the
 * quantity ends.
 */
export function jackknifeInterval(
  estimate: number,
  deleted: readonly number[],
  confidence = 0.95,
): Interval {
  const groups = deleted.length, centre = mean(deleted);
  const squares = deleted.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const error = Math.sqrt((groups - 1) / groups * squares);
  const half = error === 0 ? 0 : studentQuantile((1 + confidence) / 2, groups - 1) * error;
  return { ci_low: estimate - half, ci_high: estimate + half };
}
