import { positive_int } from "../../core/config/mod.ts";
import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";

export const config = z.strictObject({
  /** Sources whose packed sequences the models are shown. */
  probes: z.array(z.string()).nonempty(),
  /** Pairs of models to compare; all pairs, each model with itself included, when left out. */
  pairs: z.array(z.tuple([z.string(), z.string()])).nonempty().optional(),
  /** "biased": the plain estimator, as the paper's; "unbiased": HSIC₁ of Song et al., for few rows and wide models. */
  estimator: z.enum(["biased", "unbiased"]).default("biased"),
  /**
   * Subsamples that the sequences of a probe are dealt into, for jackknife intervals of 95% between layers of the same
   * number and between last layers: 10, say; 0 for none.
   */
  subsamples: z.int().min(0).refine(
    (subsamples) => subsamples !== 1,
    "an interval takes at least 2 subsamples; 0 is for none",
  ).default(0),
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Sequences taken of each probe, at even distances over the whole of it. */
  max_sequences: positive_int.default(64),
  /** Most sequences per forward pass. */
  micro_batch_size: positive_int.default(8),
  ...compute_fields,
});

export type Config = z.output<typeof config>;
