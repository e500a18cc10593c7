/**
 * Analyses: similarity of datasets, similarity of model representations (CKA), and statistics. No I/O.
 *
 * @module
 */
export * from "./clusters.ts";
export { CkaAccumulator } from "./cka.ts";
export type { CkaOptions, StateShape } from "./cka.ts";
export { meanRows, type Rows } from "./cka_rows.ts";
export { crossProduct } from "./cka_sums.ts";
export type { CkaEstimator, CrossProduct } from "./cka_sums.ts";
export { mixFrequencies, tokenFrequencies } from "./frequencies.ts";
export type { CountCache } from "./frequencies.ts";
export * from "./nested.ts";
export { documentOverlap } from "./overlap.ts";
export type { Overlap } from "./overlap.ts";
export { detectableEffect, noncentralT, studentPower } from "./power.ts";
export * from "./recommend.ts";
export * from "./resampling.ts";
export { SAMPLING_DEFAULTS, sampling_fields } from "./sampling.ts";
export type { SamplingOptions, Weights } from "./sampling.ts";
export * from "./similarity.ts";
export * from "./statistics.ts";
