/**
 * One optimizer step: micro-batches through the train graph, then AdamW. What the trainers of the CPU and of devices
 * have in common.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import type { SessionPool, TensorData } from "../engine/mod.ts";
import { type BatchShape, ParameterArrays, type Weights } from "../model/mod.ts";
import type { LossScaleState } from "./loss_scale.ts";

/** Weights and optimizer state, in host memory. */
export interface TrainingArrays {
  readonly parameters: ParameterArrays;
  /** First and second moments of the gradient. */
  readonly m: ParameterArrays;
  readonly v: ParameterArrays;
  /** Optimizer steps taken: t of the bias corrections. */
  readonly steps: number;
  /** Only where products are computed in float16. */
  readonly loss_scale?: LossScaleState;
  /** The average of the weights along the phase, where one is taken. */
  readonly average?: ParameterArrays;
}

/** The state before the first step of an optimizer: moments of 0. */
export function freshArrays(parameters: ParameterArrays): TrainingArrays {
  const { config, decay_scope } = parameters;
  return {
    parameters,
    m: new ParameterArrays(config, decay_scope),
    v: new ParameterArrays(config, decay_scope),
    steps: 0,
  };
}

export interface StepResult {
  /** Mean loss of the global batch, as its `loss_weights` say, in nats, before the update. */
  loss: number;
  /** Global gradient norm before clipping. */
  grad_norm: number;
}

/** Weights, optimizer and compiled graphs of a model in training. */
export interface Trainer {
  /** The current weights, for forward passes. The trainer releases them. */
  readonly weights: Weights;
  /** The current weights in host memory; undefined on a device. */
  readonly parameters?: ParameterArrays;
  /** The threads that it computes in, for forward passes as well; undefined on a device. */
  readonly pool?: SessionPool;

  /**
   * Takes one step on a global batch.
   *
   * @param signal when aborted, on the CPU, the step ends after the micro-batches that have begun.
   * @throws {NonFiniteError} when the loss or the gradient is not finite.
   * @throws the signal's reason when it is aborted before the last micro-batch has begun. The weights are left unchanged
   * by either.
   */
  step(
    micro_batches: readonly MicroBatch[],
    learning_rate: number,
    signal?: AbortSignal,
  ): Promise<StepResult>;

  /**
   * The mean loss over a global batch and its gradient.
   *
   * @returns the gradient in the trainer's own memory, which the next call may overwrite.
   */
  gradient(
    micro_batches: readonly MicroBatch[],
  ): Promise<{ loss: number; gradient: ParameterArrays }>;

  /** The state in host memory, which may be the trainer's own: it must not be changed. */
  arrays(): Promise<TrainingArrays>;

  release(): Promise<void>;
}

const UNTRAINED_FIX = "the weights it starts from overflow: use another checkpoint, or " +
  'precision: "float32"';

/** A loss or a gradient is NaN or infinite. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError";

  /**
   * @param what what is not finite, and at which step.
   * @param fix the likely cause, or what to do.
   */
  constructor(what: string, fix = "lower the learning rate") {
    super(`${what}; ${fix}`);
  }

  /**
   * @param step steps taken before.
   * @param loss of the step, where it is known; else, or when it is finite, the gradient is at fault.
   */
  static atStep(step: number, loss = 0): NonFiniteError {
    const what = Number.isFinite(loss) ? "gradient is NaN or infinite" : `loss is ${loss}`;
    // Before the first update the learning rate has done nothing yet.
    return step === 0
      ? new NonFiniteError(`${what} at step 0, before any update`, UNTRAINED_FIX)
      : new NonFiniteError(`${what} at step ${step}`);
  }

  /** Where no update has been made, so that no learning rate is at fault. */
  static ofWeights(what: string, value: number): NonFiniteError {
    return new NonFiniteError(`${what} is ${value}`, UNTRAINED_FIX);
  }
}

/** The graph shape that a micro-batch needs; those with a document mask have graphs of their own. */
export function batchShape({ rows, length, document_start }: MicroBatch): BatchShape {
  return { rows, length, document_mask: document_start !== undefined };
}

/** The inputs of train and loss graphs that a micro-batch has. */
export function batchFeeds(
  { input_ids, labels, loss_weights, document_start }: MicroBatch,
): Record<string, TensorData> {
  return { input_ids, labels, loss_weights, ...(document_start && { document_start }) };
}
