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

/** Weights, optimizer and compiled graphs of a model in training. */
export class Trainer {
  readonly optimizer: AdamW;
  readonly #gradient: ParameterArrays;
  readonly #sessions = new Map<string, Session>();

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
    const session = await this.#session(rows, length);
    const feeds: Record<string, TensorData> = { input_ids, labels, weights };
    const into: Record<string, TensorData> = {};
    for (const [name, view] of this.parameters.views) feeds[name] = view;
    for (const [name, view] of this.#gradient.views) {
      if (name === EMBED_IN) continue;
      feeds[`grad.${name}`] = into[`grad.${name}.next`] = view;
    }
    const { loss, grad_embedded, weighted_final } = await session.run(feeds, into);
    addRows(this.#gradient.get(EMBED_IN), input_ids, grad_embedded as Float32Array);
    subtractColumns(this.#gradient.get(EMBED_OUT), labels, weighted_final as Float32Array);
    return Number(loss[0]);
  }

  async #session(rows: number, length: number): Promise<Session> {
    const key = `${rows}x${length}`;
    let session = this.#sessions.get(key);
    if (!session) {
      const graph = trainGraph(this.parameters.config, { rows, length });
      session = await Session.create(graph, { threads: this.threads });
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
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
