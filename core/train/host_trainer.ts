/**
 * Training in host memory: gradients and optimizer state are written in place.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import { compileGraph, type Compute, type HostSession, type TensorData } from "../engine/mod.ts";
import {
  type BatchShape,
  embeddings,
  hostWeights,
  ParameterArrays,
  trainGraph,
  type Weights,
} from "../model/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { NonFiniteError } from "./non_finite.ts";
import { batchFeeds, batchShape } from "./micro_batch.ts";
import { AdamW, type OptimizerConfig } from "./optimizer.ts";
import type { Ranks } from "../stage/mod.ts";
import type { StepResult, Trainer } from "./trainer.ts";

interface Pass {
  session: HostSession;
  feeds: Record<string, TensorData>;
  into: Record<string, TensorData>;
}

export class HostTrainer implements Trainer {
  readonly weights: Weights;
  readonly optimizer: AdamW;
  readonly #gradient: ParameterArrays;
  readonly #passes = new Map<string, Pass>();

  constructor(
    { parameters, m, v, steps }: TrainingArrays,
    config: OptimizerConfig,
    readonly compute: Compute,
    ranks?: Ranks,
  ) {
    const shared = ranks?.shard_optimizer ? ranks : undefined;
    this.optimizer = new AdamW({ parameters, m, v, steps }, config, compute.threads, shared);
    this.#gradient = new ParameterArrays(parameters.config, parameters.decay_scope);
    this.weights = hostWeights(parameters);
  }

  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    const { loss, gradient } = await this.gradient(micro_batches);
    if (!Number.isFinite(loss)) {
      throw new NonFiniteError(`the loss is ${loss} at optimizer step ${this.optimizer.steps}`);
    }
    const grad_norm = await this.optimizer.step(gradient, learning_rate);
    return { loss, grad_norm };
  }

  async gradient(micro_batches: readonly MicroBatch[]) {
    this.#gradient.fill(0);
    let loss = 0;
    for (const micro_batch of micro_batches) loss += await this.#accumulate(micro_batch);
    return { loss, gradient: this.#gradient };
  }

  arrays(): Promise<TrainingArrays> {
    return Promise.resolve(this.optimizer.arrays());
  }

  /** Forward and backward; returns the micro-batch's part of the mean loss. */
  async #accumulate(batch: MicroBatch): Promise<number> {
    const { input_ids, labels } = batch;
    const { session, feeds, into } = await this.#pass(batchShape(batch));
    const { loss, grad_embedded, weighted_final } = await session.run(
      { ...feeds, ...batchFeeds(batch) },
      into,
    );
    const { input, output } = embeddings(this.weights.config);
    addRows(this.#gradient.get(input.name), input_ids, grad_embedded as Float32Array);
    const subtract = output.transposed ? subtractColumns : subtractRows;
    subtract(this.#gradient.get(output.name), labels, weighted_final as Float32Array);
    return Number(loss[0]);
  }

  /** The compiled graph for a shape, with the memory it reads and writes at every step. */
  async #pass(shape: BatchShape): Promise<Pass> {
    const key = JSON.stringify(shape);
    let pass = this.#passes.get(key);
    if (!pass) {
      const { config, feeds } = this.weights;
      const graph = trainGraph(config, shape);
      const session = await compileGraph(graph, this.compute);
      const positions = shape.rows * shape.length;
      const rows_of_embeddings = () => new Float32Array(positions * config.hidden_size);
      pass = {
        session,
        feeds: { ...feeds } as Record<string, TensorData>,
        into: { grad_embedded: rows_of_embeddings(), weighted_final: rows_of_embeddings() },
      };
      const { input, tied } = embeddings(config);
      for (const [name, view] of this.#gradient.views) {
        if (name === input.name && !tied) continue;
        pass.feeds[`grad.${name}`] = pass.into[`grad.${name}.next`] = view;
      }
      this.#passes.set(key, pass);
    }
    return pass;
  }

  async release(): Promise<void> {
    for (const { session } of this.#passes.values()) await session.release();
    this.#passes.clear();
    await this.optimizer.release();
  }
}

/** table[ids[i], :] += rows[i, :], in the order of i, so that the sum has the same bits every time. */
function addRows(table: Float32Array, ids: Int32Array, rows: Float32Array): void {
  const width = rows.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const at = ids[i] * width, from = i * width;
    for (let j = 0; j < width; j++) table[at + j] += rows[from + j];
  }
}

/** table[ids[i], :] -= rows[i, :], likewise. */
function subtractRows(table: Float32Array, ids: Int32Array, rows: Float32Array): void {
  const width = rows.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const at = ids[i] * width, from = i * width;
    for (let j = 0; j < width; j++) table[at + j] -= rows[from + j];
  }
}

/** table[:, ids[i]] -= rows[i, :], in the order of i. Row by row of the table, which keeps it in the cache. */
function subtractColumns(table: Float32Array, ids: Int32Array, rows: Float32Array): void {
  const width = rows.length / ids.length, columns = table.length / width;
  for (let j = 0; j < width; j++) {
    const row = j * columns;
    for (let i = 0; i < ids.length; i++) table[row + ids[i]] -= rows[i * width + j];
  }
}
