/**
 * Analyses: similarity of datasets, and of what models represent. Pure computation, no I/O.
 *
 * @module
 */
export { CkaAccumulator, crossProduct } from "./cka.ts";
export type { CkaOptions, CrossProduct, StateShape } from "./cka.ts";
export {
  compareFrequencies,
  mixFrequencies,
  SIMILARITY_DEFAULTS,
  tokenFrequencies,
} from "./similarity.ts";
export type { Similarity, SimilarityOptions } from "./similarity.ts";
