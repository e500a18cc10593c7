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
import { positive_int } from "../config/mod.ts";
import { type Compute, computeOptions } from "../engine/mod.ts";
import type { OptimizerConfig } from "./adamw.ts";
import { freshState, type TrainerState } from "./checkpoint.ts";
import { micro_batch_size, paddedLengths } from "./config.ts";
import { resolveSchedule, type ScheduleConfig } from "./learning_rate.ts";
import type { Phase } from "./phase.ts";

/** Config fields of stages that fine-tune. */
export const tuning_fields = {
  /** Sources whose documents are the training examples. */
  sources: z.array(z.string()).nonempty(),
  /** Passes over the examples. */
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
  const all = await loadDocumentSets(train);
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
