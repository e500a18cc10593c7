/**
 * Counts the words of texts on all processors. The module is also the entry point of its own workers.
 *
 * @module
 */
import { grown } from "./buffers.ts";
import { wordEnd } from "./byte_level.ts";
import { WordTable } from "./hash_tables.ts";
import {
  type PackedTexts,
  type PoolOptions,
  serve,
  TextBatch,
  unpack,
  WorkerPool,
} from "./worker_pool.ts";

/** Texts to count, or a request for the counts so far. */
type CountRequest = { readonly type: "count"; readonly texts: PackedTexts } | {
  readonly type: "finish";
};
type CountReply = WordCounts | undefined;

/**
 * Counts the words of each text, split as the pre-tokenizer of GPT-2 splits them. Lone surrogates count as U+FFFD.
 *
 * @param texts are read as fast as the workers count them: only a few batches of 256 KB are in flight.
 * @returns words in an order that depends on the workers; the counts do not.
 * @throws {Error} when `texts` throws or a worker fails; the signal's reason once it is aborted.
 */
export async function countWords(
  texts: AsyncIterable<string> | Iterable<string>,
  options: PoolOptions = {},
): Promise<WordCounts> {
  const counter = new WordCounter();
  const batch = new TextBatch();
  const encoder = new TextEncoder();
  using pool = new WorkerPool<CountRequest, CountReply>(
    new URL(import.meta.url),
    undefined,
    options,
  );
  const in_flight: Promise<CountReply>[] = [];
  for await (const text of texts) {
    batch.add(encoder.encode(text));
    if (!batch.is_full) continue;
    const packed = batch.take();
    in_flight.push(pool.request({ type: "count", texts: packed }, [packed.bytes.buffer]));
    if (in_flight.length >= pool.max_in_flight) await in_flight.shift();
  }
  // The remainder is too small to be worth a message; small inputs need no worker at all.
  for (const text of unpack(batch.take())) counter.addText(text);
  await Promise.all(in_flight);
  for (const counted of await pool.requestAll({ type: "finish" })) counter.addCounts(counted!);
  return counter.result;
}

/** Distinct words and how often each occurs. */
export interface WordCounts {
  /** The words in UTF-8, concatenated. */
  readonly bytes: Uint8Array;
  /** Start of each word, then the end of the last one. */
  readonly starts: Uint32Array;
  readonly counts: Float64Array;
}

/** Counts the words of texts. */
class WordCounter {
  readonly #words = new WordTable();
  #counts = new Float64Array(1024);

  /**
   * Counts the words of a text.
   *
   * @param bytes well-formed UTF-8.
   */
  addText(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = wordEnd(bytes, at, bytes.length);
      this.#add(bytes, at, end, 1);
      at = end;
    }
  }

  /** Adds the counts of another counter. */
  addCounts({ bytes, starts, counts }: WordCounts): void {
    for (let i = 0; i < counts.length; i++) this.#add(bytes, starts[i], starts[i + 1], counts[i]);
  }

  /** The words in order of first occurrence; valid until more are added. */
  get result(): WordCounts {
    const { bytes, starts, size } = this.#words;
    return { bytes, starts, counts: this.#counts.subarray(0, size) };
  }

  #add(bytes: Uint8Array, start: number, end: number, count: number): void {
    const word = this.#words.add(bytes, start, end);
    if (word === this.#counts.length) this.#counts = grown(this.#counts, word + 1);
    this.#counts[word] += count;
  }
}

// True only in the workers that countWords starts.
if (import.meta.main) {
  const counter = new WordCounter();
  serve((request: CountRequest) => {
    if (request.type === "finish") return { reply: counter.result };
    for (const text of unpack(request.texts)) counter.addText(text);
    return {};
  });
}
