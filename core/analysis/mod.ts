/**
 * Analyses: similarity of datasets, and of what models represent. Pure computation, no I/O.
 *
 * @module
 */
export { CkaAccumulator } from "./cka.ts";
export type { CkaOptions, StateShape } from "./cka.ts";
export type { CkaEstimator } from "./cka_estimators.ts";
export { crossProduct } from "./cka_sums.ts";
export type { CrossProduct } from "./cka_sums.ts";
export { mixFrequencies, SAMPLING_DEFAULTS, tokenFrequencies } from "./frequencies.ts";
export type { CountCache, SamplingOptions, Weights } from "./frequencies.ts";
export { similarity_fields } from "./options.ts";
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
export { fitLine } from "./regression.ts";
export type { Prediction } from "./regression.ts";
export { FrequencyResampler, resampledIntervals } from "./resampling.ts";
export { compareFrequencies, SIMILARITY_DEFAULTS } from "./similarity.ts";
export type { Similarity, SimilarityOptions } from "./similarity.ts";
export {
  bootstrapInterval,
  drawCounts,
  mean,
  pairedDifference,
  pearson,
  percentileInterval,
  spearman,
  standardDeviation,
} from "./statistics.ts";
export type { BootstrapOptions, Correlation, Interval, PairedDifference } from "./statistics.ts";
