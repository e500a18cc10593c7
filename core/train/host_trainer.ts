/**
 * Training on CPUs: gradients and optimizer state are written in place, by one process or by several.
 *
 * @module
 */
import { type MicroBatch, partOf } from "../batches/mod.ts";
import { compile, type Compute, type Session, type TensorData } from "../engine/mod.ts";
import {
  type BatchShape,
  hostWeights,
  ParameterArrays,
  type TrainGraph,
  trainGraph,
  type Weights,
} from "../model/mod.ts";
import type { Ranks } from "../stage/mod.ts";
import { AdamW, type OptimizerConfig } from "./adamw.ts";
import { checkIds } from "./token_check.ts";
import {
  batchFeeds,
  batchShape,
  NonFiniteError,
  type StepResult,
  type Trainer,
  type TrainingArrays,
} from "./trainer.ts";

/** A compiled train graph, with the memory that it reads and writes at every step. */
interface Pass {
  readonly session: Session;
  readonly row_updates: TrainGraph["row_updates"];
  readonly feeds: Record<string, TensorData>;
  readonly into: Record<string, TensorData>;
}

/** Elements of a gradient that are summed at a time: large enough for the network, small enough for its buffers. */
const BUCKET = 1 << 22;

/**
 * Trains in the given arrays.
 *
 * With ranks, each computes some micro-batches of every global batch (data parallelism). Labels are weighted over the
 * whole global batch, so losses and gradients of ranks simply add up, as those of micro-batches do (see `collate`);
 * and the update, from equal sums and equal weights, is the same on every rank. A rank without micro-batches, as a small
 * last batch may leave, adds zeros.
 */
export class HostTrainer implements Trainer {
  readonly weights: Weights;
  readonly optimizer: AdamW;
  readonly #gradient: ParameterArrays;
  readonly #passes = new Map<string, Pass>();

  constructor(
    arrays: TrainingArrays,
    config: OptimizerConfig,
    readonly compute: Compute,
    private readonly ranks?: Ranks,
  ) {
    const { parameters } = arrays;
    const sharded = ranks?.shard_optimizer ? ranks : undefined;
    this.optimizer = new AdamW(arrays, config, sharded);
    this.#gradient = new ParameterArrays(parameters.config, parameters.decay_scope);
    this.weights = hostWeights(parameters);
  }

  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    const { loss, gradient } = await this.gradient(micro_batches);
    if (!Number.isFinite(loss)) throw NonFiniteError.atStep(this.optimizer.steps, loss);
    return { loss, grad_norm: this.optimizer.step(gradient, learning_rate) };
  }

  async gradient(micro_batches: readonly MicroBatch[]) {
    const { ranks } = this;
    this.#gradient.fill(0);
    let loss = 0;
    for (const batch of ranks ? partOf(micro_batches, ranks) : micro_batches) {
      loss += await this.#accumulate(batch);
    }
    return { loss: ranks ? this.#sumOverRanks(ranks, loss) : loss, gradient: this.#gradient };
  }

  /** Sums losses, and gradients in place. @returns the sum of the losses. */
  #sumOverRanks(ranks: Ranks, loss: number): number {
    const total = Float64Array.of(loss);
    ranks.allReduceSum(total);
    for (const data of Object.values(this.#gradient.groups)) {
      for (let start = 0; start < data.length; start += BUCKET) {
        ranks.allReduceSum(data.subarray(start, start + BUCKET));
      }
    }
    return total[0];
  }

  arrays(): Promise<TrainingArrays> {
    return Promise.resolve(this.optimizer.arrays());
  }

  /** Forward and backward; returns the micro-batch's part of the mean loss. */
  async #accumulate(batch: MicroBatch): Promise<number> {
    checkIds(batch, this.weights.config);
    const { session, feeds, into, row_updates } = await this.#pass(batchShape(batch));
    const results = await session.run({ ...feeds, ...batchFeeds(batch) }, into);
    for (const { parameter, output, ids, sign, columns } of row_updates) {
      const add = columns ? addColumns : addRows;
      add(this.#gradient.get(parameter), batch[ids], results[output] as Float32Array, sign);
    }
    return Number(results.loss[0]);
  }

  async #pass(shape: BatchShape): Promise<Pass> {
    const key = JSON.stringify(shape);
    let pass = this.#passes.get(key);
    if (!pass) {
      const { config } = this.weights;
      const { graph, gradients, row_updates } = trainGraph(config, shape);
      const session = await compile(graph, this.compute);
      const feeds = { ...this.weights.feeds } as Record<string, TensorData>;
      const into: Record<string, TensorData> = {};
      for (const [name, { input, output }] of gradients) {
        feeds[input!] = into[output] = this.#gradient.get(name);
      }
      for (const { output } of row_updates) {
        into[output] = new Float32Array(shape.rows * shape.length * config.hidden_size);
      }
      this.#passes.set(key, pass = { session, row_updates, feeds, into });
    }
    return pass;
  }

  async release(): Promise<void> {
    for (const { session } of this.#passes.values()) await session.release();
    this.#passes.clear();
  }
}

/** table[ids[i], :] += sign · rows[i, :], in the order of i, so that the sum has the same bits every time. */
function addRows(table: Float32Array, ids: Int32Array, rows: Float32Array, sign: 1 | -1): void {
  const width = rows.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const at = ids[i] * width, from = i * width;
    for (let j = 0; j < width; j++) table[at + j] += sign * rows[from + j];
  }
}

/** table[:, ids[i]] += sign · rows[i, :], in the order of i; row by row of the table, which stays in the cache. */
function addColumns(table: Float32Array, ids: Int32Array, rows: Float32Array, sign: 1 | -1): void {
  const width = rows.length / ids.length, columns = table.length / width;
  for (let j = 0; j < width; j++) {
    const row = j * columns;
    for (let i = 0; i < ids.length; i++) table[row + ids[i]] += sign * rows[i * width + j];
  }
}
