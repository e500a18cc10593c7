/**
 * Cost of the load for the training, from neighbouring windows with and without load.
 *
 * @module
 */

/** A time window in Unix milliseconds, and the use of the processor in it. */
export interface Window {
  readonly loaded: boolean;
  readonly begin: number;
  readonly end: number;
  /** Cores used by the client. */
  readonly client: number;
  /** Cores used by the server's thread. */
  readonly server: number;
  /** Cores used by everything that is neither pipeline nor client. */
  readonly others: number;
}

/** Median and its 95% interval, which assumes nothing about the distribution of the noise. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/**
 * Training steps per second in a window, between the first and the last step that ended in it.
 *
 * @param times when each step ended, ascending
 */
export function speedIn({ begin, end }: Window, times: readonly number[]): number {
  const inside = times.filter((time) => time >= begin && time <= end);
  if (inside.length < 2) return NaN;
  return 1000 * (inside.length - 1) / (inside[inside.length - 1] - inside[0]);
}

/**
 * Share of its speed that training loses under load.
 *
 * @param windows pairs, one with load and one without, in either order
 */
export function costOf(windows: readonly Window[], times: readonly number[]): Estimate {
  const costs: number[] = [];
  for (let i = 0; i + 1 < windows.length; i += 2) {
    const pair = [windows[i], windows[i + 1]];
    const [on, off] = [true, false].map((loaded) => pair.find((one) => one.loaded === loaded)!);
    costs.push(1 - speedIn(on, times) / speedIn(off, times));
  }
  return medianInterval(costs.filter((cost) => !Number.isNaN(cost)));
}

/**
 * The median, and the order statistics that contain it with at least 95%: it is below the k-th smallest of n values
 * with probability P(Binomial(n, 1/2) < k), and above the k-th largest with the same.
 *
 * @throws {Error} for fewer than 6 values, whose range is less than a 95% interval.
 *
 * @example
 * ```ts
 * import { medianInterval } from "./cost.ts";
 * import assert from "node:assert/strict";
 *
 * const { median, low, high } = medianInterval([5, 1, 4, 2, 3, 6, 7]);
 * assert.deepEqual([median, low, high], [4, 1, 7]);
 * ```
 */
export function medianInterval(values: readonly number[]): Estimate {
  const n = values.length;
  if (n < 6) {
    throw new Error("a 95% interval of a median needs 6 pairs or more; increase --seconds");
  }
  const sorted = [...values].sort((a, b) => a - b);
  let [below, term, k] = [0, 0.5 ** n, 0];
  // While P(X <= k) is at most 2.5%, the interval can start one value later.
  while (below + term <= 0.025) {
    below += term;
    term *= (n - k) / (k + 1);
    k++;
  }
  const middle = n >> 1;
  const median = n % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, low: sorted[k - 1], high: sorted[n - k], pairs: n };
}

/** The value that the given share of the sorted values does not exceed. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
