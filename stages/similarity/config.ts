import { z } from "zod";
import { SIMILARITY_DEFAULTS } from "../../core/analysis/mod.ts";

const part = (weight: number) => z.number().min(0).max(1).default(weight);
const { weights } = SIMILARITY_DEFAULTS;

export const config = z.strictObject({
  /** Sources to compare; all by default. */
  sources: z.array(z.string()).optional(),
  /** Mixtures to compare as well: shares of tokens by source, under a name of their own. */
  mixtures: z.record(z.string(), z.record(z.string(), z.number().min(0))).default({}),
  /** Most documents counted of each source or mixture. */
  max_examples: z.int().min(1).default(10_000),
  /** Weights of cosine, Jaccard and 1 - Jensen-Shannon in the similarity; they sum to 1. */
  weights: z.strictObject({
    cosine: part(weights.cosine),
    jaccard: part(weights.jaccard),
    jensen_shannon: part(weights.jensen_shannon),
  }).prefault({}).refine(
    ({ cosine, jaccard, jensen_shannon }) => Math.abs(cosine + jaccard + jensen_shannon - 1) < 1e-9,
    "the weights must sum to 1",
  ),
  /** Base of Jensen-Shannon's logarithm. */
  log_base: z.number().gt(1).default(SIMILARITY_DEFAULTS.log_base),
  /** The divergence, or the distance, its square root. */
  jensen_shannon: z.enum(["divergence", "distance"]).default(SIMILARITY_DEFAULTS.jensen_shannon),
});

export type Config = z.output<typeof config>;
