import { z } from "zod";
import {
  compute_fields,
  micro_batch_size,
  mixture_schema,
  model_schema,
  optimizer_schema,
  packing_schema,
  repeat_schema,
  schedule_schema,
  validation_schema,
} from "../../core/train/mod.ts";

const whole = z.number().int().positive();

export const config = z.strictObject({
  model: model_schema,
  /**
   * Sources and their shares of the tokens, `{ general: 0.8, code: 0.2 }`; or points along the phase,
   * `[{ after_tokens, weights, change }]`, to switch mixtures at an exact token or move from one to another.
   */
  mixture: mixture_schema,
  ...packing_schema.shape,
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
  /** Whether sources may be read more than once; or the names of those that may. */
  allow_repeat: repeat_schema,
  ...compute_fields,
}).refine(({ steps, horizon_steps }) => horizon_steps === undefined || horizon_steps >= steps, {
  message: "must not be smaller than steps",
  path: ["horizon_steps"],
});

export type Config = z.output<typeof config>;
