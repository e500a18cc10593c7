/**
 * Nested replication: independent pretrainings (trunks), each fine-tuned with several seeds.
 *
 * @module
 */
import { mean, type PairedDifference, pairedDifference, standardDeviation } from "./statistics.ts";

/** Standard deviations of y_ts = μ + a_t + e_ts: of a, between trunks, and of e, between the seeds of a trunk. */
export interface VarianceComponents {
  /** Null with one trunk, or where no trunk has two seeds, so that a and e cannot be told apart. */
  readonly sd_trunks: number | null;
  /** Null where no trunk has two seeds. */
  readonly sd_seeds: number | null;
  /** Whether the estimate of the variance of a was negative, so that `sd_trunks` is 0. */
  readonly floored: boolean;
}

/**
 * Variance components of a one-way random-effects analysis of variance; trunks may differ in their number of seeds (Searle,
 * Casella, McCulloch 1992, "Variance Components", section 3.6):
 *
 *     MSB = Σ_t n_t (ȳ_t - ȳ)² / (k - 1),  MSW = Σ_t Σ_s (y_ts - ȳ_t)² / (N - k)
 *     var(e) = MSW,  var(a) = max(0, (MSB - MSW) / n₀),  n₀ = (N - Σ_t n_t² / N) / (k - 1)
 *
 * @param trunks values by trunk, of n_t >= 1 seeds each.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { varianceComponents } from "./mod.ts";
 *
 * const { sd_trunks, sd_seeds } = varianceComponents([[1, 3], [5, 7]]);
 * assert.equal(sd_seeds, Math.SQRT2); // MSW = 2
 * assert.equal(sd_trunks, Math.sqrt(7)); // MSB = 16, n₀ = 2
 * ```
 */
export function varianceComponents(trunks: readonly (readonly number[])[]): VarianceComponents {
  const values = trunks.flat(), n = values.length, k = trunks.length;
  if (n === k) return { sd_trunks: null, sd_seeds: null, floored: false };
  const sum = (of: (trunk: readonly number[]) => number) =>
    trunks.reduce((total, trunk) => total + of(trunk), 0);
  const within = sum((trunk) => (trunk.length - 1) * (standardDeviation(trunk) ?? 0) ** 2) /
    (n - k);
  const sd_seeds = Math.sqrt(within);
  if (k < 2) return { sd_trunks: null, sd_seeds, floored: false };
  const centre = mean(values);
  const between = sum((trunk) => trunk.length * (mean(trunk) - centre) ** 2) / (k - 1);
  const size = (n - sum(({ length }) => length ** 2) / n) / (k - 1);
  const variance = (between - within) / size;
  return { sd_trunks: Math.sqrt(Math.max(0, variance)), sd_seeds, floored: variance < 0 };
}

/** What an interval is over: trunks if there are several, or else the seeds of the one trunk; "none" for one run. */
export type Replication = "trunks" | "seeds" | "none";

/** What the interval of values by trunk is over. */
export function replicationOf(trunks: readonly (readonly unknown[])[]): Replication {
  if (trunks.length > 1) return "trunks";
  return trunks[0].length > 1 ? "seeds" : "none";
}

/** Two losses of one trunk and one fine-tuning seed. */
export interface NestedPair {
  readonly trunk: number;
  readonly a: number;
  readonly b: number;
}

/** A paired difference, what its interval is over, and the means of both sides. */
export interface NestedDifference extends PairedDifference {
  readonly replication: Replication;
  readonly mean_a: number;
  readonly mean_b: number;
}

/**
 * The mean difference a - b over trunks of means over seeds, as {@link pairedDifference} of the trunks' means: seeds of one
 * trunk share its pretraining and are no independent observations of it. With one trunk, of its seeds; what is said then
 * holds for that pretraining only.
 *
 * @throws {RangeError} like `pairedDifference`, and when there are no pairs.
 */
export function nestedDifference(
  pairs: readonly NestedPair[],
  confidence = 0.95,
): NestedDifference {
  if (pairs.length === 0) throw new RangeError("a paired difference needs at least one pair");
  const trunks = [...Map.groupBy(pairs, ({ trunk }) => trunk).values()];
  const [a, b] = (["a", "b"] as const).map((side) => {
    const values = trunks.map((trunk) => trunk.map((pair) => pair[side]));
    return values.length > 1 ? values.map(mean) : values[0];
  });
  const paired = pairedDifference(a, b, confidence);
  return { ...paired, replication: replicationOf(trunks), mean_a: mean(a), mean_b: mean(b) };
}
