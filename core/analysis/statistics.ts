/**
 * Statistics of small samples: paired differences, correlations, linear regression, bootstrap intervals.
 *
 * @module
 */
import { Random } from "../random/mod.ts";
import { normalQuantile, studentQuantile, studentTails } from "./distributions.ts";

/** A confidence interval; null where it is undefined. */
export interface Interval {
  readonly ci_low: number | null;
  readonly ci_high: number | null;
}

/** An interval that is always defined. */
export interface KnownInterval extends Interval {
  readonly ci_low: number;
  readonly ci_high: number;
}

/** The interval of what has too few values for one. */
export const NO_INTERVAL: Interval = { ci_low: null, ci_high: null };

/** Whether a whole interval is below a value; never if one of them is unknown. */
export function isBelow({ ci_high }: Pick<Interval, "ci_high">, value: number | null): boolean {
  return ci_high !== null && value !== null && ci_high < value;
}

/** Whether a whole interval is above a value; never if one of them is unknown. */
export function isAbove({ ci_low }: Pick<Interval, "ci_low">, value: number | null): boolean {
  return ci_low !== null && value !== null && ci_low > value;
}

/** A mean difference of pairs; `p` is two-sided, for the null hypothesis of no difference. */
export interface PairedDifference extends Interval {
  /** Number of pairs. */
  readonly n: number;
  /** The mean of a - b. */
  readonly difference: number;
  /** Its standard error, with `df` degrees of freedom. */
  readonly error: number | null;
  readonly df: number | null;
  readonly p: number | null;
}

/** A correlation; `p` is two-sided, for the null hypothesis of no correlation. */
export interface Correlation extends Interval {
  readonly n: number;
  readonly r: number | null;
  readonly p: number | null;
}

/** The arithmetic mean; NaN if there are no values. */
export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/** The standard deviation of a sample, with n - 1 in the denominator; null for fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  return Math.sqrt(sum(Array.from(values, (v) => (v - centre) ** 2)) / (values.length - 1));
}

/**
 * The mean difference a - b of pairs, with the interval and p-value of Student's t, as in SciPy's `ttest_rel`.
 *
 * With fewer than two pairs, only the difference is known, the rest is null. If all differences are equal, both bounds are that difference, and p
 * is 0, or 1 if the difference is 0.
 *
 * @throws {RangeError} when `a` and `b` differ in length, a number is NaN or infinite, or `confidence` is not between 0
 * and 1.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { pairedDifference } from "./mod.ts";
 *
 * const { difference, ci_low, ci_high } = pairedDifference([2, 3, 5], [1, 2, 3]);
 * assert.equal(difference, 4 / 3);
 * assert.ok(ci_low! < 0 && ci_high! > 2.7);
 * ```
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  confidence = 0.95,
): PairedDifference {
  const n = checkPairs(a, b, confidence);
  const differences = Array.from(a, (value, i) => value - b[i]);
  const difference = mean(differences);
  if (n < 2) return { n, difference, error: null, df: null, ...NO_INTERVAL, p: null };
  // t = d / (s / √n) with n - 1 degrees of freedom
  const error = standardDeviation(differences)! / Math.sqrt(n), df = n - 1;
  const p = difference === 0 ? 1 : studentTails(difference / error, df);
  const interval = studentInterval(difference, { error, df }, confidence);
  return { n, difference, error, df, ...interval, p };
}

/** The two-sided interval of Student's t around an estimate: ± t_df ((1 + confidence) / 2) · error. */
export function studentInterval(
  estimate: number,
  { error, df }: { readonly error: number; readonly df: number },
  confidence = 0.95,
): KnownInterval {
  const half = error === 0 ? 0 : studentQuantile((1 + confidence) / 2, df) * error;
  return { ci_low: estimate - half, ci_high: estimate + half };
}

/**
 * Pearson's r of pairs, with the p-value of Student's t and the interval of Fisher's z, as in SciPy's `pearsonr`. All null
 * for fewer than three pairs, or if one side is constant.
 *
 * @throws {RangeError} when `x` and `y` differ in length, a number is NaN or infinite, or `confidence` is not between 0
 * and 1.
 */
export function pearson(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  confidence = 0.95,
): Correlation {
  const n = checkPairs(x, y, confidence);
  const [dx, dy] = [unit(x), unit(y)];
  if (n < 3 || !dx || !dy) return { n, r: null, ...NO_INTERVAL, p: null };
  // Rounding can make a perfect correlation slightly larger than 1, whose t would be NaN.
  const r = Math.max(-1, Math.min(1, sum(dx.map((value, i) => value * dy[i]))));
  // t = r √((n - 2) / (1 - r²)) with n - 2 degrees of freedom
  const p = studentTails(r * Math.sqrt((n - 2) / ((1 - r) * (1 + r))), n - 2);
  return { n, r, p, ...fisherInterval(r, n, confidence) };
}

/**
 * Spearman's rank correlation: Pearson's r of the ranks; ties get their mean rank. The p-value is that of Student's t, as
 * in SciPy's `spearmanr`; the interval is Fisher's z of r, which is rough for few pairs.
 *
 * @throws {RangeError} like `pearson`.
 */
export function spearman(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  confidence = 0.95,
): Correlation {
  checkPairs(x, y, confidence);
  return pearson(ranks(x), ranks(y), confidence);
}

export interface BootstrapOptions {
  readonly resamples: number;
  readonly seed: number;
  /** Names the stream of random numbers, so that two uses with one seed are independent. */
  readonly phase: string;
  /** 0.95 by default. */
  readonly confidence?: number;
}

/**
 * A percentile bootstrap interval: each resample draws as many items as there are, with replacement.
 *
 * @param items number of items.
 * @param statistic the quantity, given how often each item was drawn: [items], summing to `items`, reused between calls.
 * @returns quantiles of the statistic over resamples.
 * @throws {RangeError} when there are no items or no resamples.
 */
export function bootstrapInterval(
  items: number,
  statistic: (counts: Uint32Array) => number,
  { resamples, seed, phase, confidence = 0.95 }: BootstrapOptions,
): KnownInterval {
  if (items === 0) throw new RangeError("a bootstrap interval needs at least one item");
  const counts = new Uint32Array(items);
  const values = Float64Array.from({ length: resamples }, (_, resample) => {
    return statistic(drawCounts(counts, new Random(seed, phase, resample)));
  });
  return percentileInterval(values, confidence);
}

/** Draws `counts.length` times with replacement, and writes how often each item was drawn into `counts`. */
export function drawCounts(counts: Uint32Array, random: Random): Uint32Array {
  counts.fill(0);
  for (let i = 0; i < counts.length; i++) counts[random.below(counts.length)]++;
  return counts;
}

/**
 * The central interval that contains a share `confidence` of the values.
 *
 * @throws {RangeError} when there are no values.
 */
export function percentileInterval(values: ArrayLike<number>, confidence = 0.95): KnownInterval {
  if (values.length === 0) throw new RangeError("an interval needs at least one value");
  const sorted = Float64Array.from(values).sort();
  const tail = (1 - confidence) / 2;
  return { ci_low: quantile(sorted, tail), ci_high: quantile(sorted, 1 - tail) };
}

/** A quantile with linear interpolation between sorted values, NumPy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const low = Math.max(0, Math.floor(place)), high = Math.min(sorted.length - 1, low + 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

function fisherInterval(r: number, n: number, confidence: number): KnownInterval {
  if (n === 3) return { ci_low: -1, ci_high: 1 }; // 1 / √(n - 3) is unbounded
  // tanh(artanh r ± z / √(n - 3))
  const half = normalQuantile((1 + confidence) / 2) / Math.sqrt(n - 3);
  return { ci_low: Math.tanh(Math.atanh(r) - half), ci_high: Math.tanh(Math.atanh(r) + half) };
}

/** Deviations from the mean, scaled to length 1; undefined for constant values. */
function unit(values: ArrayLike<number>): number[] | undefined {
  if (Array.from(values).every((value) => value === values[0])) return undefined;
  const centre = mean(values);
  const deviations = Array.from(values, (value) => value - centre);
  const length = Math.hypot(...deviations);
  return deviations.map((value) => value / length);
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranked = new Float64Array(values.length);
  for (let start = 0, end; start < order.length; start = end) {
    end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranked[order[i]] = (start + 1 + end) / 2;
  }
  return ranked;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

/**
 * Checks that two lists form pairs.
 *
 * @returns the number of pairs.
 * @throws {RangeError} when they differ in length, a number is NaN or infinite, or `confidence` is not between 0 and 1.
 */
function checkPairs(a: ArrayLike<number>, b: ArrayLike<number>, confidence: number): number {
  if (a.length !== b.length) {
    throw new RangeError(
      `pairs need equally many values on both sides, got ${a.length} and ${b.length}`,
    );
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence must be between 0 and 1, such as 0.95, got ${confidence}`);
  }
  for (let i = 0; i < a.length; i++) {
    if (Number.isFinite(a[i]) && Number.isFinite(b[i])) continue;
    throw new RangeError(
      `pair ${i + 1} of ${a.length} is (${a[i]}, ${
        b[i]
      }); leave out pairs that are not finite numbers`,
    );
  }
  return a.length;
}

/** A predicted value with its prediction interval. */
export interface Prediction extends KnownInterval {
  readonly value: number;
}

/**
 * Fits y = a + b x by least squares.
 *
 * @returns predicts y of a new point, with a prediction interval (for the point itself, not for the mean).
 * @throws {RangeError} when there are fewer than three points, `x` is constant, or `x` and `y` differ in length.
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
    throw new RangeError(
      `a line fit needs at least three points that differ in x, got ${n} points`,
    );
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
