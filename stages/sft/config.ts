import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";
import {
  checkpointing_fields,
  micro_batch_size,
  optimizer_schema,
  schedule_schema,
  validation_schema,
} from "../../core/train/mod.ts";

const whole = z.number().int().positive();

export const config = z.strictObject({
  /** Sources whose documents are the examples. */
  sources: z.array(z.string()).nonempty(),
  /** Passes over the examples. */
  epochs: z.number().positive().default(4),
  /** Longest input, in tokens. */
  sequence_length: whole.default(512),
  /**
   * Examples that are longer: "truncate" cuts them, which costs them their end; "skip" leaves them out; "error" refuses
   * to train.
   */
  overlong: z.enum(["truncate", "skip", "error"]).default("truncate"),
  /** Examples per optimizer step. */
  global_batch_size: whole.default(64),
  micro_batch_size,
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
