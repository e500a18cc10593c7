/**
 * Forward passes: the loss on eval sets, and hidden states.
 *
 * @module
 */
import {
  collate,
  type CollateOptions,
  evaluationSequences,
  findSet,
  loadDocumentSets,
  type PackingConfig,
  type Sequence,
  type TokenTable,
} from "../batches/mod.ts";
import { type Compute, SessionCache } from "../engine/mod.ts";
import { hiddenStatesGraph, lossGraph, type Weights } from "../model/mod.ts";
import { batchFeeds, batchShape } from "./trainer.ts";

/** What an eval loss is measured on. */
export interface EvalSet {
  readonly sequences: readonly Sequence[];
  /** UTF-8 bytes per token over the whole source; NaN where prompts are masked, since the bytes of the rest are unknown. */
  readonly bytes_per_token: number;
}

/** An eval set for every source of the tables: always the same sequences in the same order. */
export async function evalSets(
  inputs: Readonly<Record<string, TokenTable>>,
  options: {
    sequence_length: number;
    max_sequences: number;
    mode: (source: string) => "packed" | "examples";
    sources?: readonly string[];
    packing?: PackingConfig;
  },
): Promise<Map<string, EvalSet>> {
  if (Object.keys(inputs).length === 0) return new Map();
  const sets = await loadDocumentSets(inputs);
  const names = options.sources ?? [...sets.keys()];
  return new Map(names.map((name) => {
    const mode = options.mode(name), set = findSet(sets, name);
    const masked = mode === "examples" && set.has_prompts;
    const bytes_per_token = masked ? NaN : set.text_bytes / set.token_count;
    return [name, {
      sequences: evaluationSequences(set, { ...options, mode }),
      bytes_per_token,
    }];
  }));
}

/** Bits per byte of the original text: nats per token / ln 2 / (bytes per token). */
export function bitsPerByte(loss: number, { bytes_per_token }: EvalSet): number {
  return loss / Math.LN2 / bytes_per_token;
}

/** Mean loss over supervised tokens, in nats, and their number. */
export interface EvalLoss {
  loss: number;
  tokens: number;
}

/** Runs only the forward pass, with compiled graphs kept between calls. */
export class Evaluator {
  readonly #sessions: SessionCache;

  constructor(readonly options: CollateOptions & { readonly compute: Compute }) {
    this.#sessions = new SessionCache(options.compute);
  }

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
    const { micro_batch_size } = this.options;
    let total = 0, tokens = 0;
    // Sorted first, so that short sequences share short micro-batches.
    const sorted = [...sequences].sort((a, b) => b.tokens.length - a.tokens.length);
    for (let start = 0; start < sorted.length; start += micro_batch_size) {
      const members = sorted.slice(start, start + micro_batch_size);
      const [batch] = collate(members, this.options);
      const { config } = weights, shape = batchShape(batch);
      const key = JSON.stringify([config, shape]);
      const session = await this.#sessions.get(key, () => lossGraph(config, shape));
      const { loss } = await session.run({ ...weights.feeds, ...batchFeeds(batch) });
      total += Number(loss[0]) * batch.supervised;
      tokens += batch.supervised;
      onBatch?.(Math.min(start + micro_batch_size, sorted.length));
    }
    return { loss: total / tokens, tokens };
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }
}

/** Hidden states of packed sequences, from one graph for each shape; models of equal configuration share it. */
export class HiddenStates {
  readonly #sessions: SessionCache;

  constructor(compute: Compute) {
    this.#sessions = new SessionCache(compute);
  }

  /**
   * @param model weights on the device that the options name.
   * @param batch sequences of equal length.
   * @returns float32 [rows · length, hidden_size] for each layer, the embedding first, the last one after the
   * final norm (as Hugging Face's `output_hidden_states`).
   */
  async compute(model: Weights, batch: readonly Sequence[]): Promise<Float32Array[]> {
    const length = batch[0].tokens.length - 1;
    const { config } = model, shape = { rows: batch.length, length };
    const key = JSON.stringify([config, shape]);
    const session = await this.#sessions.get(key, () => hiddenStatesGraph(config, shape));
    const input_ids = new Int32Array(batch.length * length);
    batch.forEach(({ tokens }, row) => input_ids.set(tokens.subarray(0, length), row * length));
    const results = await session.run({ ...model.feeds, input_ids });
    return Array.from(
      { length: config.num_hidden_layers + 1 },
      (_, i) => results[`hidden_states.${i}`] as Float32Array,
    );
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }
}
