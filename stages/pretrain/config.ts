import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";
import {
  checkpointing_fields,
  type Length,
  lengthSteps,
  micro_batch_size,
  mixture_schema,
  model_schema,
  optimizer_schema,
  packing_schema,
  repeat_schema,
  resolveSchedule,
  schedule_schema,
  type StepSize,
  validation_schema,
} from "../../core/train/mod.ts";

const whole = z.number().int().positive();

export const config = z.strictObject({
  model: model_schema,
  /** Rows of the embeddings, at least the tokenizer's vocabulary and that when left out. Pythia's is padded to 50,304. */
  vocab_size: whole.optional(),
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
  steps: whole.optional(),
  /** Input tokens of this phase, in place of steps: a whole number of them. */
  tokens: whole.optional(),
  /** Optimizer steps of the whole schedule, later phases included; those of this phase when left out. */
  horizon_steps: whole.optional(),
  /** Input tokens of the whole schedule, in place of steps. */
  horizon_tokens: whole.optional(),
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  validation: validation_schema.prefault({}),
  /** Whether sources may be read more than once; or the names of those that may. */
  allow_repeat: repeat_schema,
  ...checkpointing_fields,
  ...compute_fields,
}).superRefine((config, context) => {
  const refuse = (field: keyof typeof config, message: string) =>
    context.addIssue({ code: "custom", message, path: [field] });
  if ((config.steps === undefined) === (config.tokens === undefined)) {
    refuse("steps", "or tokens has to be set, one of the two");
    return;
  }
  if (config.horizon_steps !== undefined && config.horizon_tokens !== undefined) {
    refuse("horizon_tokens", "is set beside horizon_steps");
    return;
  }
  const attempt = (field: keyof typeof config, check: () => void) => {
    try {
      check();
    } catch (error) {
      refuse(field, (error as Error).message);
    }
  };
  attempt("tokens", () => lengthSteps(config, config));
  attempt("horizon_tokens", () => {
    const { steps, horizon_steps } = phaseLength(config);
    if (horizon_steps < steps) refuse("horizon_steps", "must not be smaller than steps");
    attempt("schedule", () => resolveSchedule(config.schedule, horizon_steps));
  });
});

/** Steps of the phase and of its schedule. @throws {Error} when tokens are no whole number of steps. */
export function phaseLength(config: Lengths): { steps: number; horizon_steps: number } {
  const steps = lengthSteps(config, config)!;
  const { horizon_steps, horizon_tokens: tokens } = config;
  const horizon = lengthSteps({ steps: horizon_steps, tokens }, config, "horizon_tokens");
  return { steps, horizon_steps: horizon ?? steps };
}

type Lengths = Length & StepSize & { horizon_steps?: number; horizon_tokens?: number };

export type Config = z.output<typeof config>;
