/**
 * A phase on whole examples, for fine-tuning and for a sweep over its learning rates.
 *
 * @module
 */
import { z } from "zod";
import {
  BatchSource,
  ExampleSampler,
  findSet,
  loadDocumentSets,
  overlong_schema,
  type TokenTable,
} from "../batches/mod.ts";
import { distinct, positive_int } from "../config/mod.ts";
import { type Compute, computeOptions } from "../engine/mod.ts";
import { counted, formatNumber } from "../words/mod.ts";
import type { OptimizerConfig } from "./adamw.ts";
import { freshState, type TrainerState } from "./checkpoint.ts";
import { micro_batch_size, paddedLengths } from "./config.ts";
import { resolveSchedule, type ScheduleConfig } from "./learning_rate.ts";
import type { Phase } from "./phase.ts";

/** Config fields of stages that fine-tune. */
export const tuning_fields = {
  /** Sources whose documents are the training examples. */
  sources: distinct(z.array(z.string()).nonempty()),
  /**
   * Passes over the examples; may be a fraction. The last batch may be smaller, and no batch is larger than the set:
   * 3 examples for 1 epoch are 1 step of 3.
   */
  epochs: z.number().positive().default(4),
  /** Maximum number of input tokens per example. */
  sequence_length: positive_int.default(512),
  /** Longer examples: "truncate" cuts off their end, "skip" leaves them out, "error" stops with an error. */
  overlong: overlong_schema,
  /** Examples per optimizer step. */
  global_batch_size: positive_int.default(64),
  micro_batch_size,
};

export type TuningConfig = Readonly<z.output<z.ZodObject<typeof tuning_fields>>> & Compute & {
  readonly optimizer: OptimizerConfig;
};

/** A phase that still needs a schedule and eval sets. */
export interface TuningPhase {
  readonly sampler: ExampleSampler;
  readonly phase: Omit<Phase, "start" | "validation" | "validate_every">;
  /** The state before the first step: a new optimizer, and a schedule over the whole phase. */
  startWith(schedule: ScheduleConfig): TrainerState;
}

/** "4,731 examples, 296 steps, 4 passes; 1,129 examples truncated to 257 tokens". */
export function describeExamples(
  { examples, passes, truncated, overlong: long, skipped }: ExampleSampler,
  { overlong, sequence_length, global_batch_size }: Pick<
    TuningConfig,
    "overlong" | "sequence_length" | "global_batch_size"
  >,
): string {
  const { steps, batch_size, last_batch_size, epochs } = passes;
  const made = counted(Number(epochs.toFixed(3)), "pass");
  const parts = [`${counted(examples, "example")}, ${counted(steps, "step")}, ${made}`];
  if (batch_size < global_batch_size) {
    parts.push(
      `a batch has all ${counted(batch_size, "example")}, less than global_batch_size ${
        formatNumber(global_batch_size)
      }`,
    );
  }
  if (last_batch_size < batch_size) {
    parts.push(`the last batch has ${counted(last_batch_size, "example")}`);
  }
  const tokens = `${formatNumber(sequence_length + 1)} tokens`;
  if (overlong === "skip" && long > 0) {
    parts.push(`${counted(long, "example")} skipped: longer than ${tokens}`);
  }
  if (truncated > 0) {
    parts.push(
      `${
        counted(truncated, "example")
      } truncated to ${tokens}: the end of the answer is lost, and with ` +
        "it the end-of-text token",
    );
  }
  if (skipped > 0) parts.push(`${counted(skipped, "example")} skipped: no tokens to train on`);
  return parts.join("; ");
}

/**
 * Builds the phase.
 *
 * @throws {Error} when a source is unknown or has no example to learn from.
 */
export async function tuningPhase(
  config: TuningConfig,
  train: Readonly<Record<string, TokenTable>>,
  seed: number,
): Promise<TuningPhase> {
  const { sequence_length, global_batch_size, optimizer, micro_batch_size } = config;
  const all = await loadDocumentSets(train, "train");
  const sets = config.sources.map((name) => findSet(all, name));
  const sampler = new ExampleSampler({ ...config, sets, seed, phase: "sft" });
  const { steps } = sampler;
  return {
    sampler,
    phase: {
      steps,
      batches: new BatchSource(sampler, {
        micro_batch_size,
        lengths: paddedLengths(sequence_length),
      }),
      compute: computeOptions(config),
    },
    startWith: (schedule) =>
      freshState({
        schedule: resolveSchedule(schedule, steps),
        optimizer,
        sequence_length,
        global_batch_size,
        seed,
        phase: "sft",
      }),
  };
}
