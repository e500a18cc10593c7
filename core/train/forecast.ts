/**
 * What phases of training say of themselves before they run.
 *
 * @module
 */
import { type Compute, computeOptions } from "../engine/mod.ts";
import { type ModelConfig, parameterCount, passFlops } from "../model/mod.ts";
import type { ComputeForecast, Forecast, TokensForecast } from "../stage/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import { type KeepOptions, keptSteps } from "./checkpointing_options.ts";
import { lineageAt } from "./lineage.ts";
import { trainingMemory } from "./memory.ts";

/** What a `checkpoint` output will hold. */
export interface CheckpointForecast {
  readonly model: ModelConfig;
  readonly state: TrainerState;
}

/** What is said of the checkpoint outputs of a phase: of the series, its end. */
export function checkpointOutputs(end: CheckpointForecast) {
  return { checkpoint: end, checkpoints: end };
}

/** What a checkpoint along a phase will hold, from what the last one will. */
export function forecastAt({ model, state }: CheckpointForecast, step: number): CheckpointForecast {
  const { global_batch_size, sequence_length } = state;
  const tokens = state.tokens - (state.step - step) * global_batch_size * sequence_length;
  return {
    model,
    state: { ...state, step, tokens, lineage: lineageAt(state.lineage, { step, tokens }) },
  };
}

/** Places on a phase's curves: more than a terminal has columns. */
const POINTS = 240;

/** Steps at even distances, the first and the last among them. */
export function placesOf(steps: number): number[] {
  const count = Math.min(steps, POINTS);
  return Array.from({ length: count }, (_, i) => {
    return count === 1 ? 0 : Math.round(i * (steps - 1) / (count - 1));
  });
}

/** What the sources of a `many(tokens)` input hold; undefined while one of them is not made yet. */
export function sourceTokens(
  parents: Readonly<Record<string, unknown>>,
): Record<string, { tokens: number; documents: number }> | undefined {
  const all: Record<string, { tokens: number; documents: number }> = {};
  for (const parent of Object.values(parents) as (TokensForecast | undefined)[]) {
    if (!parent?.sources) return undefined;
    for (const [source, { tokens, documents }] of Object.entries(parent.sources)) {
      const { tokens: t = 0, documents: d = 0 } = all[source] ?? {};
      all[source] = { tokens: t + tokens, documents: d + documents };
    }
  }
  return all;
}

/** Bytes of a token id on disk. */
export const tokenBytes = (vocab_size: number): number => vocab_size <= 65_536 ? 2 : 4;

export interface TrainingCost {
  readonly model: ModelConfig;
  /** Step of the run with which the phase begins. */
  readonly from_step: number;
  readonly steps: number;
  readonly global_batch_size: number;
  readonly sequence_length: number;
  readonly micro_batch_size: number;
  readonly compute: Partial<Compute>;
  readonly keep: KeepOptions;
  /** Whether the checkpoint holds the optimizer's moments; it does when left out. */
  readonly save_optimizer?: boolean;
  /** Held-out sequences of each evaluation, and steps between two. */
  readonly validation: { every_steps: number; sequences: number };
}

/** FLOPs, memory and disk of a phase. */
export function trainingCost(
  options: TrainingCost,
): Required<Pick<Forecast, "flops" | "memory" | "disk" | "scratch" | "compute">> {
  const { model, steps, global_batch_size, sequence_length, micro_batch_size, validation } =
    options;
  const { save_optimizer = true } = options;
  const pass = (rows: number, passes: "step" | "forward") =>
    passFlops(model, { rows, length: sequence_length }, passes);
  const evaluations = Math.floor(steps / validation.every_steps) + 1;
  const parameters = parameterCount(model);
  const kept = keptSteps(options.keep, options.from_step, steps).length;
  const rows = Math.min(micro_batch_size, global_batch_size);
  return {
    flops: steps * pass(global_batch_size, "step") +
      evaluations * pass(validation.sequences, "forward"),
    memory: trainingMemory(model, { rows, length: sequence_length }),
    // Weights and two moments, and beside them the newest checkpoint for resuming.
    disk: {
      weights: 4 * parameters,
      ...(save_optimizer && { moments: 8 * parameters }),
      ...(kept > 0 && { [`${kept} checkpoints along it`]: kept * 12 * parameters }),
    },
    scratch: 12 * parameters,
    compute: productOf(options.compute, model, rows * sequence_length),
  };
}

/** The MLP's first product stands for all. */
export function productOf(
  config: Partial<Compute>,
  { hidden_size, intermediate_size }: ModelConfig,
  rows: number,
): ComputeForecast {
  const { device, precision, threads, kernels = "onnxruntime" } = computeOptions(config);
  const product = { rows, width: hidden_size, columns: intermediate_size };
  return { device, precision, threads, kernels, product };
}
