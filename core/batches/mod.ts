/**
 * From token tables to training batches: token sets, packing, mixtures, examples, micro-batches.
 *
 * @module
 */
export { resized } from "./arrays.ts";
export {
  collate,
  type CollateOptions,
  type DocumentStart,
  labelMask,
  type MicroBatch,
  partOf,
  type Sequence,
  sharedSize,
  supervisedTokens,
} from "./batch.ts";
export { BatchSource, type GlobalBatch } from "./batch_source.ts";
export { evenSize, joinExamples, packExamples } from "./example_rows.ts";
export { replay_schema, ReplaySampler, tuningLedger } from "./replay.ts";
export { evaluationSequences, example } from "./examples.ts";
export {
  type DrawnSource,
  type ExampleLength,
  ExampleSampler,
  type Overlong,
  overlong_schema,
  type Passes,
  passesOver,
} from "./example_sampler.ts";
export {
  labelWeights,
  loss_average_schema,
  type LossAverage,
  lossAverage,
} from "./loss_weights.ts";
export { describePlan, type LedgerRow, ledgerTable, MixtureSampler } from "./mixture.ts";
export {
  extendHistory,
  meanShare,
  mixture_schema,
  type MixtureConfig,
  type MixturePiece,
  MixtureSchedule,
  piece_schema,
  repeat_schema,
  shares,
  sourcesOf,
} from "./mixture_schedule.ts";
export {
  needsDocuments,
  pack,
  type PackedSet,
  packing_schema,
  type PackingConfig,
  type PackingOptions,
} from "./packing.ts";
export {
  type DocumentSet,
  findSet,
  loadDocumentSets,
  loadTokenSets,
  type TokenSet,
  type TokenTable,
} from "./token_set.ts";
