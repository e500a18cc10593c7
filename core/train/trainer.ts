/**
 * One optimizer step: micro-batches through the training graph, then AdamW.
 *
 * @module
 */
import type { MicroBatch } from "../data/mod.ts";
import { Session } from "../engine/mod.ts";
import { ParameterArrays, trainGraph } from "../model/mod.ts";
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
  /** Two sets of gradients: each micro-batch reads the sum so far from one and writes it to the other. */
  #gradient: ParameterArrays;
  #next_gradient: ParameterArrays;
  readonly #sessions = new Map<string, Session>();

  constructor(
    readonly parameters: ParameterArrays,
    config: OptimizerConfig,
    readonly threads: number,
  ) {
    const { config: model, decay_scope } = parameters;
    this.optimizer = new AdamW(parameters, config, threads);
    this.#gradient = new ParameterArrays(model, decay_scope);
    this.#next_gradient = new ParameterArrays(model, decay_scope);
  }

  /**
   * Takes one step on a global batch.
   *
   * @throws {Error} when the loss or the gradient is not finite; the weights are left as they were.
   */
  async step(micro_batches: readonly MicroBatch[], learning_rate: number): Promise<StepResult> {
    this.#gradient.fill(0);
    let loss = 0;
    for (const micro_batch of micro_batches) loss += await this.#accumulate(micro_batch);
    if (!Number.isFinite(loss)) {
      throw new Error(
        `the loss is ${loss} at optimizer step ${this.optimizer.steps}: lower the learning rate`,
      );
    }
    const grad_norm = await this.optimizer.step(this.#gradient, learning_rate);
    return { loss, grad_norm };
  }

  /** Forward and backward; returns the micro-batch's part of the mean loss. */
  async #accumulate({ rows, length, input_ids, labels, weights }: MicroBatch): Promise<number> {
    const session = await this.#session(rows, length);
    const named = (arrays: ParameterArrays, name: (parameter: string) => string) =>
      Object.fromEntries([...arrays.views].map(([key, view]) => [name(key), view]));
    const { loss } = await session.run(
      {
        ...named(this.parameters, (name) => name),
        ...named(this.#gradient, (name) => `grad.${name}`),
        input_ids,
        labels,
        weights,
      },
      named(this.#next_gradient, (name) => `grad.${name}.next`),
    );
    [this.#gradient, this.#next_gradient] = [this.#next_gradient, this.#gradient];
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
