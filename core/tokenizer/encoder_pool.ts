/**
 * Tokenizes documents on all processors. The module is also the entry point of its own workers.
 *
 * @module
 */
import { loadTokenizer } from "./load.ts";
import { type TokenArray, TokenBuffer } from "./buffers.ts";
import type { TokenizerFiles } from "./files.ts";
import {
  appendDocument,
  documentParts,
  type DocumentText,
  type EncodedDocument,
  type Tokenizer,
} from "./tokenizer.ts";
import { type PackedTexts, type PoolOptions, serve, TextBatch, WorkerPool } from "./worker_pool.ts";

/** An input document with its tokens. */
export interface EncodedItem<Item> extends EncodedDocument {
  readonly item: Item;
}

export interface EncoderOptions extends PoolOptions {
  /** Whether control tokens that are written out in a text become these tokens (default true). */
  readonly parse_special_tokens?: boolean;
}

/**
 * Workers that tokenize. Documents are sent in batches of about 256 KB of text. Results do not depend on the number of
 * workers, and equal those of `Tokenizer.encodeDocument`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EncoderPool, tokenizerFiles, trainByteLevelBpe } from "./mod.ts";
 *
 * const model = await trainByteLevelBpe(["low lower lowest"], {
 *   vocab_size: 259,
 *   special_tokens: ["<|endoftext|>"],
 * });
 * using pool = new EncoderPool(tokenizerFiles(model), { workers: 1 });
 * for await (const { item, tokens } of pool.encode([{ text: "low" }])) {
 *   assert.equal(item.text, "low");
 *   assert.deepEqual([...tokens], [258, 0]);
 * }
 * ```
 */
export class EncoderPool {
  readonly #workers: WorkerPool<EncoderRequest, EncoderReply>;

  /**
   * @param options.workers maximum number of workers; one per logical processor by default.
   * @param options.signal terminates the workers when aborted.
   */
  constructor(files: TokenizerFiles, options: EncoderOptions = {}) {
    const url = new URL("./encoder_pool.ts", import.meta.url);
    const { parse_special_tokens = true } = options;
    this.#workers = new WorkerPool(url, { type: "load", files, parse_special_tokens }, options);
  }

  /**
   * Tokenizes documents and yields them in their order. A few batches per worker are in flight at a time; no more
   * documents are read until the oldest batch is consumed.
   *
   * @param items documents, with any other fields that the caller wants back.
   * @returns tokens are views of their batch: copy them to keep only a few of many.
   * @throws {Error} when `items` throws or a worker fails; the signal's reason once it is aborted.
   */
  async *encode<Item extends DocumentText>(
    items: AsyncIterable<Item> | Iterable<Item>,
  ): AsyncGenerator<EncodedItem<Item>> {
    const in_flight: Promise<EncodedItem<Item>[]>[] = [];
    for await (const batch of this.#batches(items)) {
      in_flight.push(batch.result);
      if (in_flight.length >= this.#workers.max_in_flight) yield* await in_flight.shift()!;
    }
    while (in_flight.length > 0) yield* await in_flight.shift()!;
  }

  /** Terminates the workers; iterating over their results then fails. */
  close(): void {
    this.#workers.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sends batches as they fill. Each result is wrapped in an object, since a generator would await a bare promise. */
  async *#batches<Item extends DocumentText>(
    items: AsyncIterable<Item> | Iterable<Item>,
  ): AsyncGenerator<{ result: Promise<EncodedItem<Item>[]> }> {
    const batch = new TextBatch();
    let given: Item[] = [];
    for await (const item of items) {
      given.push(item);
      for (const part of documentParts(item)) batch.add(part);
      if (!batch.is_full) continue;
      yield { result: this.#send(batch, given) };
      given = [];
    }
    if (!batch.is_empty) yield { result: this.#send(batch, given) };
  }

  #send<Item>(batch: TextBatch, items: readonly Item[]): Promise<EncodedItem<Item>[]> {
    const texts = batch.take();
    const lengths = items.map((_, i) => texts.ends[2 * i + 1] - (texts.ends[2 * i - 1] ?? 0));
    const result = this.#workers.request({ type: "encode", texts }, [texts.bytes.buffer])
      .then((reply) => unpackReply(reply!, items, lengths));
    result.catch(() => {}); // reported where it is awaited
    return result;
  }
}

function unpackReply<Item>(
  { values, ends, spans, span_ends, left_as_text }: NonNullable<EncoderReply>,
  items: readonly Item[],
  lengths: readonly number[],
): EncodedItem<Item>[] {
  return items.map((item, i) => ({
    item,
    tokens: values.subarray(ends[i - 1] ?? 0, ends[i]) as TokenArray,
    loss_spans: spans.subarray(span_ends[i - 1] ?? 0, span_ends[i]),
    text_bytes: lengths[i],
    left_as_text: left_as_text[i],
  }));
}

type EncoderRequest =
  | {
    readonly type: "load";
    readonly files: TokenizerFiles;
    readonly parse_special_tokens: boolean;
  }
  /** Texts alternate between the prompt and the rest of each document. */
  | { readonly type: "encode"; readonly texts: PackedTexts };

/** `load` has no reply; `encode` replies with the tokens of all documents. */
type EncoderReply = undefined | {
  readonly values: TokenArray;
  /** End of each document's tokens. */
  readonly ends: Float64Array<ArrayBuffer>;
  /** `loss_spans` of all documents. */
  readonly spans: Uint32Array<ArrayBuffer>;
  /** End of each document's spans. */
  readonly span_ends: Float64Array<ArrayBuffer>;
  readonly left_as_text: Uint32Array<ArrayBuffer>;
};

// True only in the workers that EncoderPool starts.
if (import.meta.main) {
  // Kept as a promise: if loading fails, every encode request is answered with that error.
  let loaded: Promise<Tokenizer>;
  let buffer: TokenBuffer | undefined;
  serve(async (request: EncoderRequest) => {
    if (request.type === "load") {
      const { files, parse_special_tokens } = request;
      const { "tokenizer.json": json, "tokenizer_config.json": config } = files;
      loaded = loadTokenizer(json, config, { parse_special_tokens });
      await loaded;
      return {};
    }
    const tokenizer = await loaded;
    buffer ??= new TokenBuffer(tokenizer.vocab_size);
    const reply = encodeAll(tokenizer, request.texts, buffer);
    return { reply, transfer: Object.values(reply).map(({ buffer }) => buffer) };
  });
}

function encodeAll(
  tokenizer: Tokenizer,
  { bytes, ends: text_ends }: PackedTexts,
  out: TokenBuffer,
): NonNullable<EncoderReply> {
  out.clear();
  const ends = new Float64Array(text_ends.length / 2);
  const spans: number[] = [];
  const span_ends = new Float64Array(ends.length);
  const left_as_text = new Uint32Array(ends.length);
  const scratch = new TokenBuffer(tokenizer.vocab_size);
  for (let i = 0, start = 0; i < ends.length; i++) {
    const prompt = bytes.subarray(start, text_ends[2 * i]);
    const whole = bytes.subarray(start, text_ends[2 * i + 1]);
    const counts = appendDocument(tokenizer, { prompt, whole }, out, scratch);
    spans.push(...counts.loss_spans);
    span_ends[i] = spans.length;
    left_as_text[i] = counts.left_as_text;
    ends[i] = out.length;
    start = text_ends[2 * i + 1];
  }
  return { values: out.slice(), ends, spans: Uint32Array.from(spans), span_ends, left_as_text };
}
