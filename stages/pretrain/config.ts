import { z } from "zod";
import {
  compute_fields,
  micro_batch_size,
  mixture_schema,
  model_schema,
  optimizer_schema,
  schedule_schema,
  validation_schema,
} from "../../core/train/mod.ts";

const whole = z.number().int().positive();

export const config = z.strictObject({
  model: model_schema,
  /** Sources and their shares of the tokens; normalised to sum 1. */
  mixture: mixture_schema,
  /** Input tokens per sequence. */
  sequence_length: whole.default(512),
  /** Sequences per optimizer step. */
  global_batch_size: whole.default(64),
  micro_batch_size,
  /** Optimizer steps of this phase. */
  steps: whole,
  /** Optimizer steps of the whole schedule, later phases included; `steps` when left out. */
  horizon_steps: whole.optional(),
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  validation: validation_schema.prefault({}),
  /** Whether a source may be read more than once. */
  allow_repeat: z.boolean().default(false),
  ...compute_fields,
}).refine(({ steps, horizon_steps }) => horizon_steps === undefined || horizon_steps >= steps, {
  message: "must not be smaller than steps",
  path: ["horizon_steps"],
});
