import { z } from "zod";
import { mixture_schema, packing_schema } from "../../core/batches/mod.ts";
import { positive_int } from "../../core/config/mod.ts";
import {
  type Length,
  lengthSteps,
  mixture_phase_fields,
  model_schema,
  optimizer_schema,
  resolveSchedule,
  schedule_schema,
  type StepSize,
} from "../../core/train/mod.ts";

export const config = z.strictObject({
  model: model_schema,
  /** Rows of the embeddings, at least the tokenizer's vocabulary and that when left out. Pythia's is padded to 50,304. */
  vocab_size: positive_int.optional(),
  /**
   * Sources and their shares of the tokens, `{ general: 0.8, code: 0.2 }`; or points along the phase,
   * `[{ after_tokens, weights, change }]`, to switch mixtures at an exact token or move from one to another.
   */
  mixture: mixture_schema,
  ...packing_schema.shape,
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Sequences per optimizer step. */
  global_batch_size: positive_int.default(64),
  /** Optimizer steps of this phase. */
  steps: positive_int.optional(),
  /** Input tokens of this phase, instead of steps; a multiple of the tokens of a step. */
  tokens: positive_int.optional(),
  /** Optimizer steps of the whole schedule, later phases included; those of this phase when left out. */
  horizon_steps: positive_int.optional(),
  /** Input tokens of the whole schedule, instead of steps. */
  horizon_tokens: positive_int.optional(),
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  ...mixture_phase_fields,
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

/** Steps of the phase and of its schedule. @throws {Error} when tokens are not a multiple of a step's. */
export function phaseLength(config: Lengths): { steps: number; horizon_steps: number } {
  const steps = lengthSteps(config, config)!;
  const { horizon_steps, horizon_tokens: tokens } = config;
  const horizon = lengthSteps({ steps: horizon_steps, tokens }, config, "horizon_tokens");
  return { steps, horizon_steps: horizon ?? steps };
}

type Lengths = Length & StepSize & { horizon_steps?: number; horizon_tokens?: number };

export type Config = z.output<typeof config>;
