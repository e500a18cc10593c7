/**
 * One optimizer step: micro-batches through the training graph, then AdamW.
 *
 * @module
 */
import type { MicroBatch } from "../data/mod.ts";
import { Session, type TensorData } from "../engine/mod.ts";
import { EMBED_IN, EMBED_OUT, ParameterArrays, trainGraph } from "../model/mod.ts";
import { AdamW, type OptimizerConfig } from "./optimizer.ts";

/** Threads ONNX Runtime is given when a config says 0: one per core. */
export function defaultThreads(threads: number): number {
  return threads > 0 ? threads : navigator.hardwareConcurrency;
}

export interface StepResult {
  /** Mean loss over the supervised tokens of the global batch, in nats, before the update. */
  loss: number;
  /** Global gradient norm before clipping. */
  grad_norm: number;
}

interface Pass {
  session: Session;
  feeds: Record<string, TensorData>;
  into: Record<string, TensorData>;
}

/** Weights, optimizer and compiled graphs of a model in training. */
export class Trainer {
  readonly optimizer: AdamW;
  readonly #gradient: ParameterArrays;
  readonly #passes = new Map<string, Pass>();

  constructor(
    readonly parameters: ParameterArrays,
    config: OptimizerConfig,
    readonly threads: number,
  ) {
    this.optimizer = new AdamW(parameters, config, threads);
    this.#gradient = new ParameterArrays(parameters.config, parameters.decay_scope);
  }

  /**
   * Takes one step on a global batch.
   *
   * @throws {Error} when the loss or the gradient is not finite; the weights are left as they were.
   */
  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    const { loss, gradient } = await this.gradient(micro_batches);
    if (!Number.isFinite(loss)) {
      throw new Error(
        `the loss is ${loss} at optimizer step ${this.optimizer.steps}: lower the learning rate`,
      );
    }
    const grad_norm = await this.optimizer.step(gradient, learning_rate);
    return { loss, grad_norm };
  }

  /**
   * The mean loss over a global batch and its gradient.
   *
   * @returns the gradient in storage of the trainer's own, which the next call overwrites.
   */
  async gradient(
    micro_batches: readonly MicroBatch[],
  ): Promise<{ loss: number; gradient: ParameterArrays }> {
    this.#gradient.fill(0);
    let loss = 0;
    for (const micro_batch of micro_batches) loss += await this.#accumulate(micro_batch);
    return { loss, gradient: this.#gradient };
  }

  /** Forward and backward; returns the micro-batch's part of the mean loss. */
  async #accumulate({ rows, length, input_ids, labels, weights }: MicroBatch): Promise<number> {
    const { session, feeds, into } = await this.#pass(rows, length);
    const { loss, grad_embedded, weighted_final } = await session.run(
      { ...feeds, input_ids, labels, weights },
      into,
    );
    addRows(this.#gradient.get(EMBED_IN), input_ids, grad_embedded as Float32Array);
    subtractColumns(this.#gradient.get(EMBED_OUT), labels, weighted_final as Float32Array);
    return Number(loss[0]);
  }

  /** The compiled graph for a shape, with the memory it reads and writes at every step. */
  async #pass(rows: number, length: number): Promise<Pass> {
    const key = `${rows}x${length}`;
    let pass = this.#passes.get(key);
    if (!pass) {
      const { config } = this.parameters;
      const session = await Session.create(trainGraph(config, { rows, length }), {
        threads: this.threads,
      });
      const rows_of_embeddings = () => new Float32Array(rows * length * config.hidden_size);
      pass = {
        session,
        feeds: Object.fromEntries(this.parameters.views),
        into: { grad_embedded: rows_of_embeddings(), weighted_final: rows_of_embeddings() },
      };
      for (const [name, view] of this.#gradient.views) {
        if (name === EMBED_IN) continue;
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

/** table[:, ids[i]] -= rows[i, :], in the order of i. Row by row of the table, which keeps it in the cache. */
function subtractColumns(table: Float32Array, ids: Int32Array, rows: Float32Array): void {
  const width = rows.length / ids.length, columns = table.length / width;
  for (let j = 0; j < width; j++) {
    const row = j * columns;
    for (let i = 0; i < ids.length; i++) table[row + ids[i]] -= rows[i * width + j];
  }
}
