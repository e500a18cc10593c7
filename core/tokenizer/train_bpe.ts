/**
 * Training of byte-level byte-pair encoding (Sennrich et al. 2016; on bytes, Radford et al. 2019).
 *
 * @module
 */
import { countWords } from "./count_words.ts";
import { MergeLearner } from "./merge_learner.ts";
import type { PoolOptions } from "./worker_pool.ts";

export interface BpeOptions extends PoolOptions {
  /** Tokens in all: special tokens, 256 bytes, merges. */
  vocab_size: number;
  /** Get the first ids, in this order. */
  special_tokens: readonly string[];
  /** Pairs rarer than this are not merged. */
  min_frequency?: number;
}

/** Vocabulary in id order and merges in rank order, both in the byte alphabet. */
export interface BpeModel {
  readonly vocabulary: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** What the encoder can rank (`bpe_merge.ts`). */
const MAX_VOCAB_SIZE = 2 ** 22;

/**
 * Learns merges from texts: the most frequent pair of adjacent tokens is merged, again and again, until
 * the vocabulary is full. The result equals that of Hugging Face's Rust `BpeTrainer` with the `ByteLevel`
 * pre-tokenizer (no prefix space) and its initial alphabet, on the same texts, for any number of workers.
 *
 * @throws {RangeError} for a vocabulary too small for the bytes, or larger than 2^22.
 * @throws {Error} when there is no text, or a worker fails; the signal's reason once it is aborted.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { trainByteLevelBpe } from "./train_bpe.ts";
 * const model = await trainByteLevelBpe(["low lower lowest"], {
 *   vocab_size: 259,
 *   special_tokens: ["<|endoftext|>"],
 * });
 * assert.deepEqual(model.merges, [["l", "o"], ["lo", "w"]]);
 * ```
 */
export async function trainByteLevelBpe(
  texts: AsyncIterable<string> | Iterable<string>,
  options: BpeOptions,
): Promise<BpeModel> {
  assertOptions(options);
  const words = await countWords(texts, options);
  if (words.counts.length === 0) throw new Error("there is no text to train a tokenizer on");
  return new MergeLearner(words, options).run();
}

function assertOptions({ vocab_size, special_tokens }: BpeOptions): void {
  const least = special_tokens.length + 256;
  if (!Number.isInteger(vocab_size) || vocab_size < least || vocab_size > MAX_VOCAB_SIZE) {
    throw new RangeError(
      `vocab_size is ${vocab_size}; it must be an integer from ${least} (special tokens and bytes) to ${MAX_VOCAB_SIZE}`,
    );
  }
}
