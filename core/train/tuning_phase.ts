/**
 * A phase on whole examples: what fine-tuning, and a sweep over its learning rates, have in common.
 *
 * @module
 */
import { type Compute, computeOptions } from "../engine/mod.ts";
import {
  ExampleSampler,
  loadDocumentSets,
  type Overlong,
  type TokenTable,
} from "../batches/mod.ts";
import { freshState, type TrainerState } from "./checkpoint.ts";
import type { Phase } from "./loop.ts";
import type { OptimizerConfig } from "./optimizer.ts";
import { findSet, paddedLengths } from "./options.ts";
import { resolveSchedule, type ScheduleConfig } from "./schedule.ts";

export interface TuningConfig extends Compute {
  readonly sources: readonly string[];
  readonly epochs: number;
  readonly sequence_length: number;
  readonly overlong: Overlong;
  readonly global_batch_size: number;
  readonly micro_batch_size: number;
  readonly optimizer: OptimizerConfig;
}

/** A phase that wants a schedule and what is held out. */
export interface TuningPhase {
  readonly sampler: ExampleSampler;
  readonly phase: Omit<Phase, "start" | "validation" | "validate_every">;
  /** The state before the first step: a fresh optimizer, and a schedule over the whole phase. */
  startWith(schedule: ScheduleConfig): TrainerState;
}

/**
 * Builds the phase.
 *
 * @throws {Error} when a source is not there or has no example to learn from.
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
      batch: (step) => sampler.batch(step),
      micro_batch_size,
      lengths: paddedLengths(sequence_length),
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
