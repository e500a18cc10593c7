/**
 * Forward passes: the loss on eval sets, and hidden states.
 *
 * @module
 */
import {
  collate,
  type CollateOptions,
  evaluationSequences,
  evenSize,
  findSet,
  loadDocumentSets,
  packExamples,
  type PackingConfig,
  type Sequence,
  supervisedTokens,
  type TokenTable,
} from "../batches/mod.ts";
import type { Compute, SessionPool } from "../engine/mod.ts";
import { hiddenStatesGraph, lossGraph, type Weights } from "../model/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import { openTokenizer, TOKENIZER_FILES } from "../tokenizer/mod.ts";
import { counted } from "../words/mod.ts";
import type { DocumentSums } from "./document_losses.ts";
import { ModelPool } from "./pool.ts";
import { checkIds } from "./token_check.ts";
import { batchFeeds, batchShape } from "./trainer.ts";

/** What an eval loss is measured on. */
export interface EvalSet {
  readonly sequences: readonly Sequence[];
  /** "document": the loss is the mean over documents of their means, not the mean over tokens, which is the default. */
  readonly average?: EvalAverage;
  /**
   * UTF-8 bytes per supervised token: over the whole source, or, where prompts are masked, over the sequences; null where
   * that is unknown.
   */
  readonly bytes_per_token: number | null;
}

export type EvalAverage = "token" | "document";

export interface EvalSetOptions {
  readonly sequence_length: number;
  readonly max_sequences: number;
  readonly mode: (source: string) => "packed" | "examples";
  /** How the loss of a source is averaged, "token" by default; documents are then measured one by one, whatever `mode` says. */
  readonly average?: (source: string) => EvalAverage;
  /** All by default. */
  readonly sources?: readonly string[];
  readonly packing?: PackingConfig;
  /** Packs examples into rows that are padded to one of these lengths, instead of a row for each. */
  readonly pack_into?: readonly number[];
  /** Name of the stage's input, for messages. */
  readonly port: string;
  /** The tokenizer of the tokens, or a checkpoint with it: gives the bytes of answers. */
  readonly tokenizer: FilesInput;
  log(message: string): void;
}

/**
 * An eval set for every source of the tables: always the same sequences in the same order. A source that has nothing to
 * measure is left out with a line in the log, unless it is one of `sources`. Empty if no table has documents.
 *
 * @throws {Error} when one of `sources` is unknown or has nothing to measure.
 */
export async function evalSets(
  inputs: Readonly<Record<string, TokenTable>>,
  options: EvalSetOptions,
): Promise<Map<string, EvalSet>> {
  const { port, log, sources, sequence_length } = options;
  if (Object.keys(inputs).length === 0 && !sources?.length) return new Map();
  if (!sources?.length && Object.values(inputs).every(({ rows }) => rows === 0)) {
    log(`no documents on the input "${port}": nothing is measured on held-out data`);
    return new Map();
  }
  const sets = await loadDocumentSets(inputs, port);
  const found = new Map<string, EvalSet>();
  for (const name of sources ?? sets.keys()) {
    const set = findSet(sets, name);
    const average = options.average?.(name) ?? "token";
    const mode = average === "document" ? "examples" : options.mode(name);
    const sequences = attempt(() => evaluationSequences(set, { ...options, mode }));
    if (sequences instanceof Error) {
      if (sources !== undefined) throw sequences;
      log(`not measured on "${port}": ${sequences.message}`);
      continue;
    }
    const [{ tokens }] = sequences;
    if (mode === "packed" && set.token_count <= sequence_length) {
      log(
        `source "${name}" on "${port}" has ${
          counted(set.token_count, "token")
        }, less than a sequence of ` +
          `${sequence_length + 1}: measured as one sequence of ${counted(tokens.length, "token")}`,
      );
    }
    const bytes_per_token = average === "document"
      ? unknownBytes(name, "its loss is a mean over documents, not over tokens", options)
      : mode === "examples" && set.is_masked
      ? await answerBytes(sequences, name, options)
      : set.text_bytes > 0
      ? set.text_bytes / set.token_count
      : unknownBytes(name, "its tokens have no text_bytes", options);
    const { pack_into } = options;
    const rows = mode === "examples" && pack_into
      ? packExamples(sequences, [], pack_into).map(({ sequence }) => sequence)
      : sequences;
    found.set(name, { sequences: rows, average, bytes_per_token });
  }
  return found;
}

function attempt<T>(make: () => T): T | Error {
  try {
    return make();
  } catch (error) {
    return error as Error;
  }
}

function unknownBytes(source: string, why: string, { log }: Pick<EvalSetOptions, "log">): null {
  log(`bits per byte of "${source}" are left empty: ${why}`);
  return null;
}

/**
 * UTF-8 bytes per supervised token of examples, from their text: decoded up to the end of each span, less up to its
 * start, less the text of the token that ends it.
 *
 * @returns null, with a line in the log, where the tokenizer is missing or the answers have no text.
 */
async function answerBytes(
  sequences: readonly Sequence[],
  source: string,
  { tokenizer, log }: EvalSetOptions,
): Promise<number | null> {
  const unknown = (why: string) => unknownBytes(source, why, { log });
  if (!TOKENIZER_FILES.every((name) => tokenizer.names.includes(name))) {
    return unknown("there is no tokenizer beside the weights");
  }
  const { decode, eos_token_ids } = await openTokenizer(tokenizer);
  const length = (ids: ArrayLike<number>) => {
    return new TextEncoder().encode(decode(Array.from(ids))).length;
  };
  // Without the token that ends a text or a turn.
  const end_lengths = new Map(eos_token_ids.map((id) => [id, length([id])]));
  let bytes = 0, labels = 0;
  for (const sequence of sequences) {
    const { tokens, loss_spans } = sequence;
    for (let i = 0; i < loss_spans.length; i += 2) {
      const [start, end] = [loss_spans[i], loss_spans[i + 1]];
      bytes += length(tokens.subarray(0, end)) - length(tokens.subarray(0, start));
      bytes -= end_lengths.get(tokens[end - 1]) ?? 0;
    }
    labels += supervisedTokens(sequence);
  }
  return bytes > 0 ? bytes / labels : unknown("the answers have no text");
}

/** Bits per byte of the text that is measured: nats per token / ln 2 / (bytes per token); null where these are unknown. */
export function bitsPerByte(loss: number, { bytes_per_token }: EvalSet): number | null {
  return bytes_per_token === null ? null : loss / Math.LN2 / bytes_per_token;
}

/** Mean loss over supervised tokens, in nats, and their number. */
export interface EvalLoss {
  loss: number;
  tokens: number;
}

export interface EvalOptions {
  /** Called after each micro-batch with the number of sequences done; what it throws ends the evaluation. */
  onBatch?(done: number): void;
  /** Where the losses of single documents are added. */
  readonly documents?: DocumentSums;
}

/** Runs only the forward pass, with compiled graphs kept between calls. */
export class Evaluator {
  readonly #pool: ModelPool;

  /** @param pool a trainer's, which it releases; by default the evaluator has one of its own. */
  constructor(
    readonly options: CollateOptions & { readonly compute: Compute },
    pool?: SessionPool,
  ) {
    this.#pool = new ModelPool(options.compute, pool);
  }

  /**
   * Token-weighted mean loss over sequences; padding and prompts do not count.
   *
   * @param weights on the device that the options name; models of one configuration share the compiled graphs.
   */
  async loss(
    weights: Weights,
    sequences: readonly Sequence[],
    { onBatch, documents }: EvalOptions = {},
  ): Promise<EvalLoss> {
    const { config } = weights;
    const packed = sequences.some(({ starts }) => starts !== undefined);
    const micro_batch_size = packed
      ? evenSize(sequences.length, this.options.micro_batch_size)
      : this.options.micro_batch_size;
    const options = { ...this.options, micro_batch_size };
    let total = 0, tokens = 0, done = 0;
    // Sorted first, so that short sequences share short micro-batches.
    const sorted = [...sequences].sort((a, b) => b.tokens.length - a.tokens.length);
    const parts = Array.from({ length: Math.ceil(sorted.length / micro_batch_size) }, (_, i) => {
      return sorted.slice(i * micro_batch_size, (i + 1) * micro_batch_size);
    });
    await this.#pool.of(config).each(parts, {
      compute: async (members, sessions) => {
        const [batch] = collate(members, options), shape = batchShape(batch);
        checkIds(batch, config);
        const outputs = { token_losses: documents !== undefined };
        const key = `loss ${JSON.stringify([config, shape, outputs])}`;
        const session = await sessions.get(key, () => lossGraph(config, shape, outputs));
        const { loss, token_losses } = await session.run({
          ...weights.feeds,
          ...batchFeeds(batch),
        });
        return { batch, loss: Number(loss[0]), token_losses: token_losses as Float32Array };
      },
      take: ({ batch, loss, token_losses }, i) => {
        total += loss * batch.supervised;
        tokens += batch.supervised;
        documents?.add(parts[i], batch, token_losses);
        onBatch?.(done += parts[i].length);
      },
    });
    return { loss: total / tokens, tokens };
  }

  release(): Promise<void> {
    return this.#pool.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Hidden states of packed sequences, from one graph for each shape; models of equal configuration share it. */
export class HiddenStates {
  readonly #pool: ModelPool;

  constructor(compute: Compute) {
    this.#pool = new ModelPool(compute);
  }

  /**
   * @param models weights on the device that the options name.
   * @param batch sequences, whose inputs are padded to the longest one's.
   * @param lengths or to the first of these lengths that is not shorter: one compiled graph each.
   * @returns for each model float32 [rows · length, hidden_size] for each layer, the embedding first, the last one after
   * the final norm (as Hugging Face's `output_hidden_states`).
   */
  async compute(
    models: readonly Weights[],
    batch: readonly Sequence[],
    lengths: readonly number[] = [],
  ): Promise<Float32Array[][]> {
    const longest = Math.max(...batch.map(({ tokens }) => tokens.length - 1));
    const length = lengths.find((length) => length >= longest) ?? longest;
    const shape = { rows: batch.length, length };
    const input_ids = new Int32Array(batch.length * length);
    batch.forEach(({ tokens }, row) => input_ids.set(tokens.subarray(0, -1), row * length));
    const states: Float32Array[][] = [];
    await this.#pool.of(models[0].config).each(models, {
      compute: async ({ config, feeds }, sessions) => {
        checkIds({ input_ids, labels: input_ids }, config);
        const key = `states ${JSON.stringify([config, shape])}`;
        const session = await sessions.get(key, () => hiddenStatesGraph(config, shape));
        return await session.run({ ...feeds, input_ids });
      },
      take: (results, i) => {
        const layers = models[i].config.num_hidden_layers + 1;
        states.push(
          Array.from({ length: layers }, (_, layer) => {
            return results[`hidden_states.${layer}`] as Float32Array;
          }),
        );
      },
    });
    return states;
  }

  release(): Promise<void> {
    return this.#pool.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
