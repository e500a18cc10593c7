/**
 * Tokenizes documents on all processors. The module is also the entry point of its own workers.
 *
 * @module
 */
import { appendChat } from "./chat/encode.ts";
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

  #send<Item extends DocumentText>(
    batch: TextBatch,
    items: readonly Item[],
  ): Promise<EncodedItem<Item>[]> {
    const texts = batch.take();
    const parts = Uint32Array.from(items, ({ answer_spans_chars }) => {
      return answer_spans_chars ? answer_spans_chars.length + 1 : 2;
    });
    const are_chats = Uint8Array.from(
      items,
      ({ answer_spans_chars }) => answer_spans_chars ? 1 : 0,
    );
    const lengths = Array.from(
      rangesOf(texts, parts),
      ({ start, bounds }) => bounds.at(-1)! - start,
    );
    const request = { type: "encode", texts, parts, are_chats } as const;
    const result = this.#workers.request(request, [texts.bytes.buffer])
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

type EncodeRequest = Extract<EncoderRequest, { type: "encode" }>;

type EncoderRequest =
  | {
    readonly type: "load";
    readonly files: TokenizerFiles;
    readonly parse_special_tokens: boolean;
  }
  /** Texts are the parts of each document, one after another: see `documentParts`. */
  | {
    readonly type: "encode";
    readonly texts: PackedTexts;
    /** Number of parts of each document. */
    readonly parts: Uint32Array;
    /** 1 for conversations. */
    readonly are_chats: Uint8Array;
  };

/** Where each document starts in packed texts, and where its parts end. */
function* rangesOf({ ends }: PackedTexts, parts: Uint32Array) {
  let first = 0, start = 0;
  for (const count of parts) {
    const bounds = ends.subarray(first, first + count);
    yield { start, bounds };
    first += count;
    start = bounds[count - 1];
  }
}

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
  /** In the text of a template, control tokens are tokens whatever they are in documents. */
  let loadForChats: () => Promise<Tokenizer>;
  let buffer: TokenBuffer | undefined;
  serve(async (request: EncoderRequest) => {
    if (request.type === "load") {
      const { files, parse_special_tokens } = request;
      const { "tokenizer.json": json, "tokenizer_config.json": config } = files;
      loaded = loadTokenizer(json, config, { parse_special_tokens });
      let for_chats = parse_special_tokens ? loaded : undefined;
      loadForChats = () => for_chats ??= loadTokenizer(json, config);
      await loaded;
      return {};
    }
    const tokenizer = await loaded;
    buffer ??= new TokenBuffer(tokenizer.vocab_size);
    const for_chats = request.are_chats.includes(1) ? await loadForChats() : tokenizer;
    const reply = encodeAll(tokenizer, for_chats, request, buffer);
    return { reply, transfer: Object.values(reply).map(({ buffer }) => buffer) };
  });
}

function encodeAll(
  tokenizer: Tokenizer,
  for_chats: Tokenizer,
  { texts, parts, are_chats }: EncodeRequest,
  out: TokenBuffer,
): NonNullable<EncoderReply> {
  out.clear();
  const { bytes } = texts, documents = parts.length;
  const ends = new Float64Array(documents);
  const spans: number[] = [];
  const span_ends = new Float64Array(documents);
  const left_as_text = new Uint32Array(documents);
  const scratch = new TokenBuffer(tokenizer.vocab_size);
  for (const [i, { start, bounds }] of Array.from(rangesOf(texts, parts)).entries()) {
    const whole = bytes.subarray(start, bounds.at(-1));
    if (are_chats[i]) {
      const places = bounds.slice(0, -1).map((bound) => bound - start);
      spans.push(...appendChat(for_chats, whole, places, out));
    } else {
      const prompt = bytes.subarray(start, bounds[0]);
      const counts = appendDocument(tokenizer, { prompt, whole }, out, scratch);
      spans.push(...counts.loss_spans);
      left_as_text[i] = counts.left_as_text;
    }
    span_ends[i] = spans.length;
    ends[i] = out.length;
  }
  return { values: out.slice(), ends, spans: Uint32Array.from(spans), span_ends, left_as_text };
}
