/**
 * Analyses: similarity of datasets, similarity of model representations (CKA), and statistics. No I/O.
 *
 * @module
 */
export { CkaAccumulator } from "./cka.ts";
export type { CkaOptions, StateShape } from "./cka.ts";
export { crossProduct } from "./cka_sums.ts";
export type { CkaEstimator, CrossProduct } from "./cka_sums.ts";
export { mixFrequencies, SAMPLING_DEFAULTS, tokenFrequencies } from "./frequencies.ts";
export type { CountCache, SamplingOptions, Weights } from "./frequencies.ts";
export { highestWeight, planStarts, rankCandidates } from "./recommend.ts";
export type {
  Candidate,
  CandidateMixture,
  Estimate,
  Plan,
  PlanOptions,
  Ranking,
  RankingOptions,
} from "./recommend.ts";
export { FrequencyResampler, resampledIntervals } from "./resampling.ts";
export { compareFrequencies, SIMILARITY_DEFAULTS, similarity_fields } from "./similarity.ts";
export type { Similarity, SimilarityOptions } from "./similarity.ts";
export {
  bootstrapInterval,
  drawCounts,
  fitLine,
  mean,
  pairedDifference,
  pearson,
  percentileInterval,
  spearman,
  standardDeviation,
} from "./statistics.ts";
export type {
  BootstrapOptions,
  Correlation,
  Interval,
  PairedDifference,
  Prediction,
} from "./statistics.ts";
