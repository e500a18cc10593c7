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
export type { ExampleOptions, Overlong } from "./examples.ts";
export { describePlan, ledgerTable, mixtureLedger } from "./ledger.ts";
export type { LedgerRow } from "./ledger.ts";
export { MixtureSampler } from "./mixture.ts";
export type { BatchPart, MixtureOptions } from "./mixture.ts";
export { extendHistory, shares } from "./mixture_history.ts";
export { meanShare, MixtureSchedule, sourcesOf } from "./mixture_schedule.ts";
export type { MixtureConfig, MixturePiece, MixturePoint } from "./mixture_schedule.ts";
export { needsDocuments, pack } from "./packing.ts";
export type { PackedSet, Packing, PackingOptions } from "./packing.ts";
export { resized } from "./resized.ts";
export { example, supervisedTokens } from "./sequence.ts";
export type { Sequence } from "./sequence.ts";
export { loadDocumentSets, loadTokenSets } from "./token_set.ts";
export type { DocumentSet, TokenIds, TokenSet, TokenTable } from "./token_set.ts";
