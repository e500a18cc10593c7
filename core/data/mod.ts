/**
 * From token tables to training batches: token sets, packing, mixtures, examples, micro-batches.
 *
 * @module
 */
export { collate } from "./collate.ts";
export type { CollateOptions, MicroBatch } from "./collate.ts";
export { evaluationSequences } from "./evaluation.ts";
export type { EvaluationOptions } from "./evaluation.ts";
export { ExampleSampler } from "./examples.ts";
export type { ExampleOptions } from "./examples.ts";
export { MixtureSampler } from "./mixture.ts";
export type { MixtureOptions } from "./mixture.ts";
export { cumulativeQuota, normaliseWeights } from "./quota.ts";
export type { Share } from "./quota.ts";
export { example, packedBlock, packedBlocks, supervisedTokens } from "./sequence.ts";
export type { Sequence } from "./sequence.ts";
export { loadTokenSets } from "./token_set.ts";
export type { TokenSet, TokenTable } from "./token_set.ts";
