import { z } from "zod";
import {
  compute_fields,
  micro_batch_size,
  mixture_schema,
  validation_schema,
} from "../../core/train/mod.ts";

export const config = z.strictObject({
  /** Sources and their shares of the tokens from here on; normalised to sum 1. */
  mixture: mixture_schema,
  /** Optimizer steps of this phase; up to the schedule's horizon when left out. */
  steps: z.number().int().positive().optional(),
  micro_batch_size,
  validation: validation_schema.prefault({}),
  /** Whether a source may be read more than once. The paper allows it to no midtraining data. */
  allow_repeat: z.boolean().default(false),
  ...compute_fields,
});
