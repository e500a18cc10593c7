import { z } from "zod";
import { compute_fields } from "../../core/train/mod.ts";

const whole = z.number().int().positive();

export const config = z.strictObject({
  /** Sources whose packed sequences the models are shown. */
  probes: z.array(z.string()).nonempty(),
  /** Pairs of models to compare; all pairs, each model with itself included, when left out. */
  pairs: z.array(z.tuple([z.string(), z.string()])).nonempty().optional(),
  /** Input tokens per sequence. */
  sequence_length: whole.default(512),
  /** Sequences taken of each probe, at even distances over the whole of it. */
  max_sequences: whole.default(64),
  /** Sequences per forward pass. */
  micro_batch_size: whole.default(8),
  ...compute_fields,
});
