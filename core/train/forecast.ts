/**
 * Forecasts of training phases before they run: FLOPs, memory, disk.
 *
 * @module
 */
import { sharedSize } from "../batches/mod.ts";
import { type Compute, computeOptions, workerCount } from "../engine/mod.ts";
import {
  type BatchShape,
  familyOf,
  type ModelConfig,
  parameterCount,
  passFlops,
} from "../model/mod.ts";
import type { ComputeForecast, Forecast, TokensForecast } from "../stage/mod.ts";
import { counted } from "../words/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import { type KeepOptions, keptSteps } from "./checkpointing.ts";
import { lineageAt } from "./lineage.ts";

/** What a `checkpoint` output will contain. */
export interface CheckpointForecast {
  readonly model: ModelConfig;
  readonly state: TrainerState;
}

/** Forecasts of the checkpoint outputs of a phase; of the series, its last. */
export function checkpointOutputs(end: CheckpointForecast) {
  return { checkpoint: end, checkpoints: end };
}

/** Forecast of a checkpoint along a phase, from that of the last. */
export function forecastAt({ model, state }: CheckpointForecast, step: number): CheckpointForecast {
  const { global_batch_size, sequence_length } = state;
  const tokens = state.tokens - (state.step - step) * global_batch_size * sequence_length;
  return {
    model,
    state: { ...state, step, tokens, lineage: lineageAt(state.lineage, { step, tokens }) },
  };
}

/** Points on a phase's curves: more than a terminal has columns. */
const POINTS = 240;

/** Steps at even distances, the first and the last among them. */
export function placesOf(steps: number): number[] {
  const count = Math.min(steps, POINTS);
  return Array.from({ length: count }, (_, i) => {
    return count === 1 ? 0 : Math.round(i * (steps - 1) / (count - 1));
  });
}

/** Tokens and documents of each source of a `many(tokens)` input; undefined while one of them is unknown. */
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

interface TrainingCost {
  readonly model: ModelConfig;
  /** Step of the run at which the phase begins. */
  readonly from_step: number;
  readonly steps: number;
  readonly global_batch_size: number;
  readonly sequence_length: number;
  readonly micro_batch_size: number;
  readonly compute: Partial<Compute>;
  readonly keep: KeepOptions;
  /** Whether the checkpoint has the optimizer's moments; true when left out. */
  readonly save_optimizer?: boolean;
  /** What keeps one more copy of the weights in memory. */
  readonly start_decay?: unknown;
  readonly weight_average?: unknown;
  /** Sequences of each evaluation, and steps between two. */
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
  const workers = workerCount(computeOptions(options.compute), parameters);
  const size = sharedSize(micro_batch_size, global_batch_size, Math.max(1, workers));
  const rows = Math.min(size, global_batch_size);
  const micro_batches = Math.ceil(global_batch_size / rows);
  return {
    flops: steps * pass(global_batch_size, "step") +
      evaluations * pass(validation.sequences, "forward"),
    memory: {
      ...trainingMemory(model, { rows, length: sequence_length }, workers, micro_batches),
      ...(options.start_decay !== undefined && { start: 4 * parameters }),
      ...(options.weight_average !== undefined && { average: 4 * parameters }),
    },
    // `scratch` is the newest checkpoint for resuming: weights and two moments.
    disk: {
      weights: 4 * parameters,
      ...(save_optimizer && { moments: 8 * parameters }),
      ...(options.weight_average !== undefined && { average: 4 * parameters }),
      ...(kept > 0 && { [`${counted(kept, "checkpoint")} along it`]: kept * 12 * parameters }),
    },
    scratch: 12 * parameters,
    compute: productOf(options.compute, model, rows * sequence_length),
  };
}

/** The matrix product that a machine is measured by: the first of the MLP. */
export function productOf(
  config: Partial<Compute>,
  { hidden_size, intermediate_size }: ModelConfig,
  rows: number,
): ComputeForecast {
  const { device, precision, threads, kernels = "onnxruntime" } = computeOptions(config);
  const product = { rows, width: hidden_size, columns: intermediate_size };
  return { device, precision, threads, kernels, product };
}

/** The backward pass holds the values of about this many layers while it works on one. */
const WORKING_LAYERS = 4;
/** Logits are computed in chunks, but some are allocated before others are freed. */
const LOGITS = 1.5;
/** Where the gradient of the output projection fits the processor's cache, logits are three chunks of this. */
const CACHED_BYTES = 8 << 20;
/** The process itself: the runtime, ONNX Runtime, compiled graphs. */
const PROCESS_BYTES = 150e6;
/** A worker's code and compiled graphs. */
const WORKER_BYTES = 30e6;

/**
 * Bytes of a training step by use, on the CPU with ONNX Runtime's kernels, in float32. With P parameters
 * and micro-batches of N = B · T positions,
 *
 *     weights      4 P
 *     gradients    4 P
 *     moments      8 P
 *     activations  4 N ((L + 4) (K + 5/8 H T) + 3/2 V)
 *
 * The backward pass needs K values of each layer (`keptValues` of the family), and the attention probabilities, of which
 * blocks of queries leave 5/8. The terms 4 and 3/2 are measured; tests keep the sum within 20% of a run's. oneDNN plans
 * its memory and needs less. W workers have the activations of W micro-batches, and up to W + 1 gradients besides the sum
 * (see `SessionPool.max_begun`).
 *
 * @param workers 0 where the threads share each operator.
 * @param micro_batches of a step; all but the first need a gradient besides the sum.
 */
export function trainingMemory(
  config: ModelConfig,
  shape: BatchShape,
  workers = 0,
  micro_batches = Infinity,
): Record<string, number> {
  const { hidden_size: D, num_attention_heads: H, vocab_size: V } = config;
  const P = parameterCount(config), N = shape.rows * shape.length;
  const layer = familyOf(config).keptValues(config) + 5 / 8 * H * shape.length;
  const begun = Math.min(micro_batches, Math.max(1, workers));
  const gradients = workers === 0 ? 1 : Math.min(micro_batches, workers + (workers > 1 ? 2 : 1));
  const logits = V * D * 4 <= CACHED_BYTES ? 3 * CACHED_BYTES : 4 * N * LOGITS * V;
  return {
    weights: 4 * P,
    gradients: 4 * P * gradients,
    moments: 8 * P,
    activations: begun * (4 * N * (config.num_hidden_layers + WORKING_LAYERS) * layer + logits),
    process: PROCESS_BYTES + workers * WORKER_BYTES,
  };
}
