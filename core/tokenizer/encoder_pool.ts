/**
 * Tokenizing documents on all processors.
 *
 * @module
 */
import type { EncoderReply, EncoderRequest } from "./encoder_worker.ts";
import { TextBatch } from "./text_batch.ts";
import type { TokenArray } from "./token_buffer.ts";
import { documentParts, type DocumentText, type EncodedDocument } from "./tokenizer.ts";
import { type PoolOptions, WorkerPool } from "./worker_pool.ts";

/** A document as it was given, and what became of it. */
export interface EncodedItem<Item> extends EncodedDocument {
  readonly item: Item;
}

/**
 * Workers that tokenize. Documents travel in batches of about 256 KB of text; results are the same for any number
 * of workers, and equal to those of `Tokenizer.encodeDocument`.
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
   * @param files content of `tokenizer.json` and `tokenizer_config.json`.
   * @param options.workers workers at most; by default one for each logical processor.
   * @param options.signal ends the workers once it is aborted.
   */
  constructor(
    files: { readonly "tokenizer.json": string; readonly "tokenizer_config.json": string },
    options: PoolOptions = {},
  ) {
    const url = new URL("./encoder_worker.ts", import.meta.url);
    this.#workers = new WorkerPool(url, { type: "load", files }, options);
  }

  /**
   * Tokenizes documents, and yields them in their order. A few batches for each worker are under way at a time;
   * no more documents are read until the oldest of them is taken.
   *
   * @param items documents, with anything else the caller wants back with them.
   * @returns tokens are views of their batch: whoever keeps few of many should copy those.
   * @throws {Error} of `items`, or when a worker fails; the signal's reason once it is aborted.
   */
  async *encode<Item extends DocumentText>(
    items: AsyncIterable<Item> | Iterable<Item>,
  ): AsyncGenerator<EncodedItem<Item>> {
    const under_way: Promise<EncodedItem<Item>[]>[] = [];
    for await (const batch of this.#batches(items)) {
      under_way.push(batch.result);
      if (under_way.length >= this.#workers.in_flight) yield* await under_way.shift()!;
    }
    while (under_way.length > 0) yield* await under_way.shift()!;
  }

  /** Ends the workers; a loop over their results fails. */
  close(): void {
    this.#workers.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sends batches off as they fill. Each result is in an object, since a generator would wait for a bare promise. */
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
    result.catch(() => {}); // whoever awaits it is told
    return result;
  }
}

function unpackReply<Item>(
  { values, ends, prompt_lengths }: NonNullable<EncoderReply>,
  items: readonly Item[],
  lengths: readonly number[],
): EncodedItem<Item>[] {
  return items.map((item, i) => ({
    item,
    tokens: values.subarray(ends[i - 1] ?? 0, ends[i]) as TokenArray,
    prompt_length: prompt_lengths[i],
    text_bytes: lengths[i],
  }));
}
