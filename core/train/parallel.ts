/**
 * Training on several processes: each computes a part of every global batch, and their gradients are added up.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import type { ParameterArrays, Weights } from "../model/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { NonFiniteError } from "./non_finite.ts";
import type { HostTrainer } from "./host_trainer.ts";
import type { Ranks } from "../stage/mod.ts";
import { partOf } from "./ranks.ts";
import type { StepResult, Trainer } from "./trainer.ts";

/** Elements of a gradient that are summed at a time: large enough for the network, small enough for its buffers. */
const BUCKET = 1 << 22;

/**
 * Data parallelism over whole micro-batches. Labels are weighted over the whole global batch, so that losses and
 * gradients of ranks simply add up, as those of micro-batches do (see `collate`); and the update, from the same sums
 * and the same weights, comes out the same on every rank.
 */
export class ParallelTrainer implements Trainer {
  constructor(private readonly own: HostTrainer, private readonly ranks: Ranks) {}

  get weights(): Weights {
    return this.own.weights;
  }

  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    const { loss, gradient } = await this.gradient(micro_batches);
    const { optimizer } = this.own;
    if (!Number.isFinite(loss)) {
      throw new NonFiniteError(`the loss is ${loss} at optimizer step ${optimizer.steps}`);
    }
    return { loss, grad_norm: await optimizer.step(gradient, learning_rate) };
  }

  async gradient(micro_batches: readonly MicroBatch[]) {
    const { ranks } = this;
    if (micro_batches.length < ranks.size) {
      throw new Error(
        `a global batch of ${micro_batches.length} micro-batches leaves ${
          ranks.size - micro_batches.length
        } of ` +
          `${ranks.size} processes without work; lower micro_batch_size, or start fewer processes`,
      );
    }
    const { loss, gradient } = await this.own.gradient(partOf(micro_batches, ranks));
    const total = Float64Array.of(loss);
    ranks.allReduceSum(total);
    this.#sum(gradient);
    return { loss: total[0], gradient };
  }

  #sum(gradient: ParameterArrays): void {
    for (const data of Object.values(gradient.groups)) {
      for (let start = 0; start < data.length; start += BUCKET) {
        this.ranks.allReduceSum(data.subarray(start, start + BUCKET));
      }
    }
  }

  arrays(): Promise<TrainingArrays> {
    return this.own.arrays();
  }

  release(): Promise<void> {
    return this.own.release();
  }
}
