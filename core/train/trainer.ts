/**
 * One optimizer step: micro-batches through the training graph, then AdamW.
 *
 * @module
 */
import type { Compute } from "../engine/mod.ts";
import type { MicroBatch } from "../batches/mod.ts";
import type { ParameterArrays, Weights } from "../model/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { DeviceTrainer } from "./device_trainer.ts";
import { HostTrainer } from "./host_trainer.ts";
import type { Ranks } from "../stage/mod.ts";
import type { OptimizerConfig } from "./optimizer.ts";
import { ParallelTrainer } from "./parallel.ts";

export interface StepResult {
  /** Mean loss over the supervised tokens of the global batch, in nats, before the update. */
  loss: number;
  /** Global gradient norm before clipping. */
  grad_norm: number;
}

/** Weights, optimizer and compiled graphs of a model in training. */
export interface Trainer {
  /** The weights as they are now, for forward passes. The trainer releases them. */
  readonly weights: Weights;

  /**
   * Takes one step on a global batch.
   *
   * @throws {Error} when the loss or the gradient is not finite; the weights are left as they were.
   */
  step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult>;

  /**
   * The mean loss over a global batch and its gradient.
   *
   * @returns the gradient in storage of the trainer's own, which the next call may overwrite.
   */
  gradient(
    micro_batches: readonly MicroBatch[],
  ): Promise<{ loss: number; gradient: ParameterArrays }>;

  /** The state in host memory, where it may be the trainer's own: it must not be changed. */
  arrays(): Promise<TrainingArrays>;

  release(): Promise<void>;
}

/**
 * Makes a trainer; on the CPU it works in the given arrays, elsewhere on copies of them.
 *
 * @param ranks the processes that train together.
 * @throws {DeviceUnavailable}
 */
export function createTrainer(
  arrays: TrainingArrays,
  optimizer: OptimizerConfig,
  compute: Compute,
  ranks?: Ranks,
): Promise<Trainer> {
  if (compute.device !== "cpu") {
    if (!ranks) return DeviceTrainer.create(arrays, optimizer, compute);
    throw new Error(`several processes train on the CPU, not on ${compute.device}; start one`);
  }
  const trainer = new HostTrainer(arrays, optimizer, compute, ranks);
  return Promise.resolve(ranks ? new ParallelTrainer(trainer, ranks) : trainer);
}
