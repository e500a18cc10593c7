/**
 * Hidden states of models on batches of packed sequences.
 *
 * @module
 */
import type { Sequence } from "../batches/mod.ts";
import { compileGraph, type Compute, type HostSession } from "../engine/mod.ts";
import { hiddenStatesGraph, type ModelConfig, type Weights } from "../model/mod.ts";

/** Compiles one graph for each shape; models of equal configuration share it. */
export class HiddenStates {
  readonly #sessions = new Map<string, HostSession>();

  constructor(readonly compute_options: Compute) {}

  /**
   * @param model weights on the device that the options name.
   * @param batch sequences of equal length.
   * @returns float32 [rows · length, hidden_size] for each layer, the embedding first, the last one after the
   * final norm (as Hugging Face's `output_hidden_states`).
   */
  async compute(model: Weights, batch: readonly Sequence[]): Promise<Float32Array[]> {
    const length = batch[0].tokens.length - 1;
    const session = await this.#session(model.config, { rows: batch.length, length });
    const input_ids = new Int32Array(batch.length * length);
    batch.forEach(({ tokens }, row) => input_ids.set(tokens.subarray(0, length), row * length));
    const results = await session.run({ ...model.feeds, input_ids });
    return Array.from(
      { length: model.config.num_hidden_layers + 1 },
      (_, i) => results[`hidden_states.${i}`] as Float32Array,
    );
  }

  async #session(config: ModelConfig, shape: { rows: number; length: number }) {
    const key = JSON.stringify([config, shape]);
    let session = this.#sessions.get(key);
    if (!session) {
      const graph = hiddenStatesGraph(config, shape);
      session = await compileGraph(graph, this.compute_options);
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
  }
}
