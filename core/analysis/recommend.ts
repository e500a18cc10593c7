/**
 * What can be said before any training of how to midtrain for a target: how much closer to it each candidate source
 * brings a mixture, and which starts and weights its tokens allow.
 *
 * @module
 */
import type { DocumentSet } from "../batches/mod.ts";
import { type CountCache, mixFrequencies, SAMPLING_DEFAULTS, type Weights } from "./frequencies.ts";
import { FrequencyResampler, resampledIntervals } from "./resampling.ts";
import { compareFrequencies } from "./similarity.ts";
import type { Interval } from "./statistics.ts";

/** A quantity with its bootstrap interval over documents; NaN bounds without resamples. */
export interface Estimate extends Interval {
  readonly value: number;
}

export interface RankingOptions {
  /** Names of sets. */
  readonly target: string;
  readonly general: string;
  readonly candidates: readonly string[];
  /** Weights of a candidate in its mixture with general data, between 0 and 1. */
  readonly weights: readonly number[];
  /** The one of them at which candidates are ranked. */
  readonly rank_at: number;
  readonly resamples: number;
  readonly seed: number;
  /** Called before each resample, to stop or to tell. */
  readonly check?: (resample: number) => void;
}

/** A mixture of general data and so much of a candidate. */
export interface CandidateMixture {
  readonly weight: number;
  /** S(mixture, target). */
  readonly similarity: Estimate;
  /** Proximity advantage, S(mixture, target) - S(general, target). */
  readonly advantage: Estimate;
}

export interface Candidate {
  readonly source: string;
  readonly mixtures: readonly CandidateMixture[];
  /** How far its advantage is below that of the first candidate, at the weight of the ranking. */
  readonly behind: Estimate;
  /** Whether that can be 0: other documents could have put it first. */
  readonly undecided: boolean;
}

export interface Ranking {
  /** S(general, target). */
  readonly similarity_general: Estimate;
  /** By advantage at the weight of the ranking, the highest first. */
  readonly candidates: readonly Candidate[];
}

/**
 * Ranks candidates by proximity advantage, with the paper's similarity.
 *
 * @throws {Error} when a set is not there or its documents hold no text, or `rank_at` is none of the weights.
 */
export function rankCandidates(
  sets: ReadonlyMap<string, DocumentSet>,
  options: RankingOptions,
): Ranking {
  const { target, general, candidates, weights, seed } = options;
  const at = weights.indexOf(options.rank_at);
  if (at === -1) throw new Error(`the weight ${options.rank_at} is none of ${weights.join(", ")}`);
  const mixtures: Weights[] = [
    { [target]: 1 },
    { [general]: 1 },
    ...candidates.flatMap((source) =>
      weights.map((weight) => ({ [general]: 1 - weight, [source]: weight }))
    ),
  ];
  const similarities = ([to, ...from]: readonly Float64Array[]) =>
    from.map((mixture) => compareFrequencies(mixture, to).similarity);
  const cache: CountCache = new Map();
  const sampled = mixtures.map((weights) =>
    mixFrequencies(sets, weights, SAMPLING_DEFAULTS, seed, cache)
  );
  const own = similarities(sampled);
  const at_rank = candidates.map((_, c) => own[1 + c * weights.length + at]);
  const first = at_rank.indexOf(Math.max(...at_rank));

  /** S(general), then S, advantage and distance to the first for each mixture. */
  const quantities = ([base, ...mixed]: readonly number[]) => [
    base,
    ...mixed.flatMap((similarity, m) => [
      similarity,
      similarity - base,
      mixed[first * weights.length + m % weights.length] - similarity,
    ]),
  ];
  const estimates = quantities(own);
  const resampler = new FrequencyResampler(sets, mixtures, SAMPLING_DEFAULTS, seed);
  const intervals = resampledIntervals(
    resampler,
    estimates,
    (frequencies) => quantities(similarities(frequencies)),
    options.resamples,
    options.check,
  );
  const estimate = (i: number): Estimate => ({ value: estimates[i], ...intervals[i] });
  const ranked = candidates.map((source, c) => {
    const place = (w: number) => 1 + 3 * (c * weights.length + w);
    const behind = estimate(place(at) + 2);
    return {
      source,
      mixtures: weights.map((weight, w) => ({
        weight,
        similarity: estimate(place(w)),
        advantage: estimate(place(w) + 1),
      })),
      behind,
      undecided: c !== first && behind.ci_low <= 0,
    };
  });
  ranked.sort((a, b) => a.behind.value - b.behind.value);
  return { similarity_general: estimate(0), candidates: ranked };
}

export interface PlanOptions {
  /** Tokens that a candidate holds. */
  readonly available: number;
  /** Tokens of the whole run. */
  readonly horizon_tokens: number;
  /** Shares of the run after which midtraining begins. */
  readonly starts: readonly number[];
  /** Weights to choose from. */
  readonly weights: readonly number[];
}

/** Midtraining from a start to the end of the run. */
export interface Plan {
  readonly start: number;
  /** The largest weight at which no token of the candidate repeats. */
  readonly lasts: number;
  /** The largest of the weights that lasts and is not too high for the start; undefined where none is. */
  readonly weight?: number;
  /** Tokens of the candidate that it takes. */
  readonly tokens?: number;
}

/**
 * The highest weight that is suggested for a start.
 *
 * The paper finds that early introduction bears high weights and late introduction wants low ones. It gives no formula:
 * this line has the direction of the finding, not numbers of it.
 */
export function highestWeight(start: number): number {
  return 1 - start;
}

/**
 * Starts with the weight that is suggested for each. That no data repeat is a hard bound: weight × remaining tokens is
 * at most what the candidate holds.
 */
export function planStarts(
  { available, horizon_tokens, starts, weights }: PlanOptions,
): Plan[] {
  return starts.map((start) => {
    const remaining = (1 - start) * horizon_tokens;
    const lasts = Math.min(1, available / remaining);
    const fit = weights.filter((weight) => weight <= Math.min(lasts, highestWeight(start)) + 1e-9);
    if (fit.length === 0) return { start, lasts };
    const weight = Math.max(...fit);
    return { start, lasts, weight, tokens: weight * remaining };
  });
}
