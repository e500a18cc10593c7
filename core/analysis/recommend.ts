/**
 * Midtraining recommendations before any training: how much closer each candidate source brings a mixture to the target,
 * and which starts and weights its tokens allow.
 *
 * @module
 */
import type { DocumentSet } from "../batches/mod.ts";
import { type CountCache, mixFrequencies } from "./frequencies.ts";
import { FrequencyResampler, resampledIntervals } from "./resampling.ts";
import { SAMPLING_DEFAULTS, type Weights } from "./sampling.ts";
import { compareFrequencies } from "./similarity.ts";
import type { Interval } from "./statistics.ts";

/** A quantity with its bootstrap interval over documents; the bounds are null without resamples. */
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
  /** The one of `weights` at which candidates are ranked. */
  readonly rank_at: number;
  readonly resamples: number;
  readonly seed: number;
  /** Called before each resample, to report progress or throw to stop. */
  readonly check?: (resample: number) => void;
}

/** A mixture of general data and a candidate at one weight. */
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
  /** How far its advantage is below the best candidate's, at the weight of the ranking. */
  readonly behind: Estimate;
  /**
   * Whether the interval of `behind` includes 0: with other documents it might rank first. True of every candidate if the
   * target has fewer than {@linkcode FEWEST_TARGET_DOCUMENTS}, of which no interval can be trusted.
   */
  readonly undecided: boolean;
}

/** With fewer documents of the target nothing is decided: resampling them shows too little of what others would change. */
export const FEWEST_TARGET_DOCUMENTS = 30;

export interface Ranking {
  /** S(general, target). */
  readonly similarity_general: Estimate;
  /** Sorted by advantage at the weight of the ranking, highest first. */
  readonly candidates: readonly Candidate[];
}

/**
 * Ranks candidates by proximity advantage, with the paper's similarity.
 *
 * @throws {Error} when a set is missing or its documents have no text, or `rank_at` is not one of the weights.
 */
export function rankCandidates(
  sets: ReadonlyMap<string, DocumentSet>,
  options: RankingOptions,
): Ranking {
  const { target, general, candidates, weights, seed } = options;
  const at = weights.indexOf(options.rank_at);
  if (at === -1) {
    throw new Error(`rank_at must be one of ${weights.join(", ")}, got ${options.rank_at}`);
  }
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
  const too_few = (sets.get(target)?.documents ?? 0) < FEWEST_TARGET_DOCUMENTS;
  const at_rank = candidates.map((_, c) => own[1 + c * weights.length + at]);
  const first = at_rank.indexOf(Math.max(...at_rank));

  /** S(general), then for each mixture S, advantage and distance to the best candidate. */
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
      undecided: too_few || (c !== first && behind.ci_low !== null && behind.ci_low <= 0),
    };
  });
  ranked.sort((a, b) => a.behind.value - b.behind.value);
  return { similarity_general: estimate(0), candidates: ranked };
}

export interface PlanOptions {
  /** Tokens of the candidate. */
  readonly available: number;
  /** Tokens of the whole run. */
  readonly horizon_tokens: number;
  /** Start points, as shares of the run. */
  readonly starts: readonly number[];
  /** Weights to choose from. */
  readonly weights: readonly number[];
}

/** Midtraining from a start to the end of the run. */
export interface Plan {
  readonly start: number;
  /** The largest weight at which no token of the candidate repeats. */
  readonly lasts: number;
  /** The largest of the weights within `lasts` and the limit for the start; undefined if there is none. */
  readonly weight?: number;
  /** Tokens of the candidate that it uses. */
  readonly tokens?: number;
}

/**
 * The highest weight suggested for a start.
 *
 * The paper finds that high weights work when introduced early, and low weights when introduced late. It gives no formula:
 * this line follows the direction of the finding only.
 */
export function highestWeight(start: number): number {
  return 1 - start;
}

/**
 * The suggested weight for each start. Data never repeat: weight × remaining tokens is at most the candidate's tokens.
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
