/**
 * Counting the words of texts on all processors.
 *
 * @module
 */
import { type PackedTexts, TextBatch, unpack } from "./text_batch.ts";
import { WordCounter, type WordCounts } from "./word_counter.ts";
import { type PoolOptions, WorkerPool } from "./worker_pool.ts";

/** Texts to count, or to tell what was counted so far. */
export type CountRequest = { readonly type: "count"; readonly texts: PackedTexts } | {
  readonly type: "finish";
};
export type CountReply = WordCounts | undefined;

/**
 * Counts the words of each text, cut as the pre-tokenizer of GPT-2 cuts them. Lone surrogates count as U+FFFD.
 *
 * @param texts read as fast as the workers count: a few batches of 256 KB are under way at a time.
 * @returns words in an order that depends on the workers; counts do not.
 * @throws {Error} of `texts`, or when a worker fails; the signal's reason once it is aborted.
 */
export async function countWords(
  texts: AsyncIterable<string> | Iterable<string>,
  options: PoolOptions = {},
): Promise<WordCounts> {
  const counter = new WordCounter();
  const batch = new TextBatch();
  const encoder = new TextEncoder();
  using pool = new WorkerPool<CountRequest, CountReply>(
    new URL("./count_worker.ts", import.meta.url),
    undefined,
    options,
  );
  const under_way: Promise<CountReply>[] = [];
  for await (const text of texts) {
    batch.add(encoder.encode(text));
    if (!batch.is_full) continue;
    const packed = batch.take();
    under_way.push(pool.request({ type: "count", texts: packed }, [packed.bytes.buffer]));
    if (under_way.length >= pool.in_flight) await under_way.shift();
  }
  // What is left is less than a message is worth; few texts need no worker at all.
  for (const text of unpack(batch.take())) counter.addText(text);
  await Promise.all(under_way);
  for (const counted of await pool.requestAll({ type: "finish" })) counter.addCounts(counted!);
  return counter.result;
}
