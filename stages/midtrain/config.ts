import { z } from "zod";
import {
  compute_fields,
  micro_batch_size,
  mixture_schema,
  repeat_schema,
  validation_schema,
} from "../../core/train/mod.ts";

export const config = z.strictObject({
  /**
   * Sources and their shares of the tokens from here on, or points along the phase, as in pretraining. Left out, the
   * checkpoint's mixture goes on: the control arm.
   */
  mixture: mixture_schema.optional(),
  /** Optimizer steps of this phase; up to the schedule's horizon when left out. */
  steps: z.number().int().positive().optional(),
  micro_batch_size,
  validation: validation_schema.prefault({}),
  /**
   * Whether sources may be read more than once; or the names of those that may. The paper allows it to no midtraining
   * data.
   */
  allow_repeat: repeat_schema,
  ...compute_fields,
});

export type Config = z.output<typeof config>;
