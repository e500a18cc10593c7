import { z } from "zod";
import { compute_fields } from "../../core/engine/mod.ts";
import {
  checkpointing_fields,
  optimizer_schema,
  schedule_schema,
  tuning_fields,
  validation_schema,
} from "../../core/train/mod.ts";

export const config = z.strictObject({
  ...tuning_fields,
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  /** Held-out sources: those of `sources` are measured by example, the others packed. */
  validation: validation_schema.extend({
    /** All sources of the validation input when left out. */
    sources: z.array(z.string()).optional(),
  }).prefault({}),
  /**
   * Whether the final checkpoint holds the optimizer's moments, two thirds of its bytes. Without them it serves for all
   * but going on with the same optimizer.
   */
  save_optimizer: z.boolean().default(true),
  ...checkpointing_fields,
  ...compute_fields,
});

export type Config = z.output<typeof config>;
