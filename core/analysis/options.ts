/**
 * Config fields that stages share which compare datasets.
 *
 * @module
 */
import { z } from "zod";
import { SAMPLING_DEFAULTS } from "./frequencies.ts";
import { SIMILARITY_DEFAULTS } from "./similarity.ts";

const { weights } = SIMILARITY_DEFAULTS;
const part = (weight: number) => z.number().min(0).max(1).default(weight);

/** What is counted of datasets and mixtures, and how the counts are compared: Appendix C of the paper by default. */
export const similarity_fields = {
  /** Documents counted of each source or mixture. */
  max_examples: z.int().min(1).default(SAMPLING_DEFAULTS.max_examples),
  /** "min": that many, or all of a smaller set; "max": a smaller set's more than once, or all of a larger set. */
  examples: z.enum(["min", "max"]).default(SAMPLING_DEFAULTS.examples),
  /** Whether weights of mixtures are shares of tokens, or of documents, whatever their length. */
  mixture_by: z.enum(["tokens", "documents"]).default(SAMPLING_DEFAULTS.mixture_by),
  weights: z.strictObject({
    cosine: part(weights.cosine),
    jaccard: part(weights.jaccard),
    jensen_shannon: part(weights.jensen_shannon),
  }).prefault({}).refine(
    ({ cosine, jaccard, jensen_shannon }) => Math.abs(cosine + jaccard + jensen_shannon - 1) < 1e-9,
    "the weights must sum to 1",
  ).describe("Weights of cosine, Jaccard and 1 - Jensen-Shannon in the similarity; they sum to 1."),
  /** Base of Jensen-Shannon's logarithm. */
  log_base: z.number().gt(1).default(SIMILARITY_DEFAULTS.log_base),
  jensen_shannon: z.enum(["divergence", "distance"]).default(SIMILARITY_DEFAULTS.jensen_shannon)
    .describe("The divergence, or the distance, its square root."),
};
