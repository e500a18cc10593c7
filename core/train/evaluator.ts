/**
 * Held-out loss.
 *
 * @module
 */
import { collate, type Sequence } from "../batches/mod.ts";
import { compileGraph, type Compute, type HostSession } from "../engine/mod.ts";
import { type BatchShape, lossGraph, type ModelConfig, type Weights } from "../model/mod.ts";
import { batchFeeds, batchShape } from "./micro_batch.ts";

/** Mean loss over supervised tokens, in nats, and their number. */
export interface EvalLoss {
  loss: number;
  tokens: number;
}

/** Runs the forward pass alone, with compiled graphs kept between calls. */
export class Evaluator {
  readonly #sessions = new Map<string, HostSession>();

  constructor(
    readonly options: {
      micro_batch_size: number;
      lengths: readonly number[];
      compute: Compute;
    },
  ) {}

  /**
   * Token-weighted mean loss over sequences; padding and prompts do not count.
   *
   * @param weights on the device that the options name; models of one configuration share the compiled graphs.
   * @param onBatch called after each micro-batch with the number of sequences done.
   */
  async loss(
    weights: Weights,
    sequences: readonly Sequence[],
    onBatch?: (done: number) => void,
  ): Promise<EvalLoss> {
    const { micro_batch_size, lengths } = this.options;
    let total = 0, tokens = 0;
    // Sorted first, so that short sequences share short micro-batches.
    const sorted = [...sequences].sort((a, b) => b.tokens.length - a.tokens.length);
    for (let start = 0; start < sorted.length; start += micro_batch_size) {
      const members = sorted.slice(start, start + micro_batch_size);
      const [batch] = collate(members, { micro_batch_size, lengths, pad_id: 0 });
      const session = await this.#session(weights.config, batchShape(batch));
      const { loss } = await session.run({ ...weights.feeds, ...batchFeeds(batch) });
      total += Number(loss[0]) * batch.supervised;
      tokens += batch.supervised;
      onBatch?.(Math.min(start + micro_batch_size, sorted.length));
    }
    return { loss: total / tokens, tokens };
  }

  async #session(config: ModelConfig, shape: BatchShape): Promise<HostSession> {
    const key = JSON.stringify([config, shape]);
    let session = this.#sessions.get(key);
    if (!session) {
      const graph = lossGraph(config, shape);
      session = await compileGraph(graph, this.options.compute);
      this.#sessions.set(key, session);
    }
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
  }
}
