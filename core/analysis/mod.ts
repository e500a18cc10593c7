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
export { documentOverlap } from "./overlap.ts";
export type { Overlap } from "./overlap.ts";
export * from "./recommend.ts";
export * from "./resampling.ts";
export * from "./similarity.ts";
export * from "./statistics.ts";
