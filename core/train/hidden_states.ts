/**
 * Hidden states of models on batches of packed sequences.
 *
 * @module
 */
import type { Sequence } from "../data/mod.ts";
import { Session } from "../engine/mod.ts";
import { hiddenStatesGraph, type ParameterArrays } from "../model/mod.ts";

/** Compiles one graph for each shape; models of equal configuration share it. */
export class HiddenStates {
  readonly #sessions = new Map<string, Session>();

  constructor(readonly threads: number) {}

  /**
   * @param batch sequences of equal length.
   * @returns float32 [rows · length, hidden_size] for each layer, the embedding first, the last one after the
   * final norm (as Hugging Face's `output_hidden_states`).
   */
  async compute(model: ParameterArrays, batch: readonly Sequence[]): Promise<Float32Array[]> {
    const length = batch[0].tokens.length - 1;
    const session = await this.#session(model, { rows: batch.length, length });
    const input_ids = new Int32Array(batch.length * length);
    batch.forEach(({ tokens }, row) => input_ids.set(tokens.subarray(0, length), row * length));
    const results = await session.run({ ...Object.fromEntries(model.views), input_ids });
    return Array.from(
      { length: model.config.num_hidden_layers + 1 },
      (_, i) => results[`hidden_states.${i}`] as Float32Array,
    );
  }

  async #session({ config }: ParameterArrays, shape: { rows: number; length: number }) {
    const key = JSON.stringify([config, shape]);
    let session = this.#sessions.get(key);
    if (!session) {
      session = await Session.create(hiddenStatesGraph(config, shape), { threads: this.threads });
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
  }
}
