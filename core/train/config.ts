/**
 * Config fields that several training stages share.
 *
 * @module
 */
import { z } from "zod";
import { repeat_schema } from "../batches/mod.ts";
import { positive_int } from "../config/mod.ts";
import { compute_fields } from "../engine/mod.ts";
import { counted } from "../words/mod.ts";
import {
  completeConfig,
  type ModelConfig,
  type PresetName,
  PRESETS,
  sizes_schema,
} from "../model/mod.ts";
import { checkpointing_fields } from "./checkpointing.ts";
import { averaging_fields } from "./weight_average.ts";

/** A preset by name, or the sizes of a model: GPT-NeoX's, or with `model_type` those of another family. */
export const model_schema = z.union([
  z.enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]]),
  sizes_schema,
]);

/** The model's configuration for a tokenizer's vocabulary. */
export function modelConfig(
  model: z.output<typeof model_schema>,
  vocab_size: number,
): ModelConfig {
  return completeConfig(typeof model === "string" ? PRESETS[model] : model, vocab_size);
}

/** How validation loss is measured during training. */
export const validation_schema = z.strictObject({
  /** Optimizer steps between evaluations. */
  every_steps: positive_int.default(50),
  /** Maximum number of sequences per source, evenly spaced over all of them. */
  max_sequences: positive_int.default(64),
});

/** Sequences per forward pass; affects memory and speed, and results only by rounding. */
export const micro_batch_size = positive_int.default(16);

/** Config fields: the length of a phase, and of a learning rate schedule that starts in it. */
export const length_fields = {
  /** Length of this phase in optimizer steps. Midtraining runs to the end of its schedule when no length is set. */
  steps: positive_int.optional(),
  /** Length of this phase in input tokens, instead of `steps`; a multiple of the tokens of a step. */
  tokens: positive_int.optional(),
  /** Length of a schedule that starts here in optimizer steps, later phases included; this phase's length when not set. */
  horizon_steps: positive_int.optional(),
  /** Length of a schedule that starts here in input tokens, instead of `horizon_steps`. */
  horizon_tokens: positive_int.optional(),
};

export type Length = Readonly<z.output<z.ZodObject<typeof length_fields>>>;

/** Fields of phases on a mixture: pretrain and midtrain. */
export const mixture_phase_fields = {
  micro_batch_size,
  validation: validation_schema.prefault({}),
  /**
   * Whether sources may repeat once all their tokens are used; or the names of the sources that may. In the paper no
   * midtraining data repeats.
   */
  allow_repeat: repeat_schema,
  ...checkpointing_fields,
  ...averaging_fields,
  ...compute_fields,
};

/** The input tokens of a step: its rows, times the tokens of each. */
export interface StepSize {
  readonly global_batch_size: number;
  readonly sequence_length: number;
}

/**
 * A length in optimizer steps.
 *
 * @param field name of the config field, for the message.
 * @returns undefined when neither is set.
 * @throws {Error} naming the nearest lengths when the tokens are not a multiple of the step size.
 */
export function lengthSteps(
  { steps, tokens }: Pick<Length, "steps" | "tokens">,
  { global_batch_size, sequence_length }: StepSize,
  field = "tokens",
): number | undefined {
  if (tokens === undefined) return steps;
  const each = global_batch_size * sequence_length;
  if (tokens % each === 0) return tokens / each;
  const below = Math.floor(tokens / each) * each;
  const nearest = below === 0 ? `${each}` : `${below} or ${below + each}`;
  throw new Error(
    `${field} must be a multiple of a step's ${global_batch_size} × ${sequence_length} = ${each} ` +
      `tokens, got ${tokens}; use ${nearest}`,
  );
}

/** The length of a schedule in optimizer steps; undefined when neither is set. */
export function horizonSteps(
  { horizon_steps: steps, horizon_tokens: tokens }: Length,
  size: StepSize,
): number | undefined {
  return lengthSteps({ steps, tokens }, size, "horizon_tokens");
}

/** @throws {Error} when a phase is longer than the schedule that starts with it. */
export function checkHorizon(steps: number, horizon_steps: number): void {
  if (steps <= horizon_steps) return;
  throw new Error(
    `a horizon of ${counted(horizon_steps, "step")} is shorter than this phase of ${
      counted(steps, "step")
    }; raise horizon_steps or horizon_tokens`,
  );
}

/**
 * Padded lengths for batches of whole documents: quarters of the sequence length, so that short examples do
 * not pay for long ones, at the price of one compiled graph each.
 */
export function paddedLengths(sequence_length: number): number[] {
  const quarters = [1, 2, 3, 4].map((n) => Math.ceil(n * sequence_length / 4));
  return [...new Set(quarters)];
}
