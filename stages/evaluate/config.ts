import { positive_int } from "../../core/config/mod.ts";
import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";
import { micro_batch_size } from "../../core/train/mod.ts";

export const config = z.strictObject({
  /** Sources to measure; all of the tokens input when left out. */
  sources: z.array(z.string()).optional(),
  /** Sources measured document by document, prompts masked; the others are packed as in pretraining. */
  by_example: z.array(z.string()).default([]),
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Sequences taken of each source, at even distances over the whole of it. */
  max_sequences: positive_int.default(512),
  micro_batch_size,
  ...compute_fields,
});
