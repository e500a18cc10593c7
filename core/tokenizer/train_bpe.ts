/**
 * Trains byte-level byte-pair encoding (Sennrich et al. 2016; on bytes, Radford et al. 2019).
 *
 * @module
 */
import { grown } from "./buffers.ts";
import { BYTE_CHARACTERS } from "./byte_level.ts";
import { countWords, type WordCounts } from "./count_words.ts";
import { PairTable } from "./hash_tables.ts";
import type { PoolOptions } from "./worker_pool.ts";

export interface BpeOptions extends PoolOptions {
  /** Size of the vocabulary: special tokens, 256 bytes and merges. */
  vocab_size: number;
  /** Get the first ids, in this order. */
  special_tokens: readonly string[];
  /** Pairs with a lower count are not merged. */
  min_frequency?: number;
}

/** Vocabulary in id order and merges in rank order, both in the byte alphabet. */
export interface BpeModel {
  readonly vocabulary: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** The most merges that the encoder can rank, see `bpe_merge.ts`. */
const MAX_VOCAB_SIZE = 2 ** 22;

/**
 * Learns merges from texts: repeatedly merges the most frequent pair of adjacent tokens until the vocabulary is full.
 * The result equals that of Hugging Face's Rust `BpeTrainer` with the `ByteLevel` pre-tokenizer (no prefix space) and
 * its initial alphabet on the same texts, for any number of workers.
 *
 * @throws {RangeError} when the vocabulary is too small for the bytes, or larger than 2^22.
 * @throws {Error} when there is no text or a worker fails; the signal's reason once it is aborted.
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
  if (words.counts.length === 0) {
    throw new Error(
      "there are no training texts to train a tokenizer on; check that not all documents are held out",
    );
  }
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

/**
 * The merge loop. Pair counts are updated word by word, the queue lazily: a candidate whose count has fallen since it
 * was queued is queued again with its current count. The order of events, including pairs whose merged token already
 * exists, follows tokenizers 0.23, `models/bpe/trainer.rs`.
 */
class MergeLearner {
  readonly #vocabulary: string[] = [];
  readonly #ids = new Map<string, number>();
  /** Token ids of all words: word w has `lengths[w]` of them, from `starts[w]` on. */
  readonly #symbols: Int32Array;
  readonly #lengths: Int32Array;
  /** Numbers of the pairs seen so far, and by number: ids and count. */
  readonly #pairs = new PairTable();
  #pair_counts = new Float64Array(1024);
  #lefts = new Int32Array(1024);
  #rights = new Int32Array(1024);
  /** By a pair's number: the words in which it has appeared since the queue was last filled. */
  readonly #places: (number[] | undefined)[] = [];
  /** Numbers of the pairs with places. */
  #changed: number[] = [];
  readonly #queue = new PairQueue();
  /** Rank of each merge, by pair number. */
  readonly #ranks = new Map<number, number>();

  constructor(readonly words: WordCounts, readonly options: BpeOptions) {
    for (const token of options.special_tokens) this.#addToken(token);
    for (const character of BYTE_CHARACTERS.toSorted()) this.#addToken(character);
    const byte_ids = BYTE_CHARACTERS.map((character) => this.#ids.get(character)!);
    const { bytes, starts, counts } = words;
    this.#symbols = Int32Array.from(bytes, (byte) => byte_ids[byte]);
    this.#lengths = Int32Array.from(counts, (_, word) => starts[word + 1] - starts[word]);
  }

  /** Learns until the vocabulary is full or no pair is frequent enough. */
  run(): BpeModel {
    this.#countPairs();
    this.#queueChanged();
    const { vocab_size, min_frequency = 0, signal } = this.options;
    for (let rank = 0; this.#vocabulary.length < vocab_size;) {
      signal?.throwIfAborted();
      const top = this.#queue.pop();
      if (top === undefined) break;
      const count = this.#pair_counts[top.pair];
      if (count !== top.count) {
        this.#queue.push({ ...top, count });
        continue;
      }
      if (count < 1 || count < min_frequency) break;
      // A pair that is merged again gets its later rank, as in the original.
      this.#ranks.set(top.pair, rank++);
      this.#merge(top);
    }
    const ranked = [...this.#ranks].sort(([, a], [, b]) => a - b);
    return {
      vocabulary: this.#vocabulary,
      merges: ranked.map(([pair]) => [
        this.#vocabulary[this.#lefts[pair]],
        this.#vocabulary[this.#rights[pair]],
      ]),
    };
  }

  #addToken(token: string): number {
    const known = this.#ids.get(token);
    if (known !== undefined) return known;
    this.#ids.set(token, this.#vocabulary.length);
    return this.#vocabulary.push(token) - 1;
  }

  #countPairs(): void {
    for (let word = 0; word < this.#lengths.length; word++) {
      const start = this.words.starts[word], end = start + this.#lengths[word];
      for (let i = start + 1; i < end; i++) {
        this.#count(this.#symbols[i - 1], this.#symbols[i], word);
      }
    }
  }

  /** Counts a pair of one word, and records the word once. */
  #count(left: number, right: number, word: number): void {
    const pair = this.#pairs.add(left, right);
    if (pair >= this.#pair_counts.length) this.#makeRoom(pair + 1);
    // No change where the pair is already known.
    this.#lefts[pair] = left;
    this.#rights[pair] = right;
    this.#pair_counts[pair] += this.words.counts[word];
    const places = this.#places[pair];
    if (places === undefined) {
      this.#places[pair] = [word];
      this.#changed.push(pair);
    } else if (places[places.length - 1] !== word) places.push(word);
  }

  #makeRoom(length: number): void {
    this.#pair_counts = grown(this.#pair_counts, length);
    this.#lefts = grown(this.#lefts, length);
    this.#rights = grown(this.#rights, length);
  }

  #discount(left: number, right: number, word: number): void {
    this.#pair_counts[this.#pairs.find(left, right)] -= this.words.counts[word];
  }

  #queueChanged(): void {
    for (const pair of this.#changed) {
      const count = this.#pair_counts[pair];
      const left = this.#lefts[pair], right = this.#rights[pair];
      if (count > 0) this.#queue.push({ pair, left, right, count, words: this.#places[pair]! });
      this.#places[pair] = undefined;
    }
    this.#changed = [];
  }

  #merge({ left, right, words }: Candidate): void {
    const merged = this.#addToken(this.#vocabulary[left] + this.#vocabulary[right]);
    for (const word of words) this.#mergeInWord(word, left, right, merged);
    this.#queueChanged();
  }

  /** Replaces each (left, right) in a word, and updates the counts of the neighbouring pairs. */
  #mergeInWord(word: number, left: number, right: number, merged: number): void {
    const symbols = this.#symbols;
    const start = this.words.starts[word], end = start + this.#lengths[word];
    let to = start;
    for (let from = start; from < end; from++) {
      const is_match = symbols[from] === left && from + 1 < end && symbols[from + 1] === right;
      symbols[to++] = is_match ? merged : symbols[from];
      if (!is_match) continue;
      if (to - 1 > start) {
        this.#discount(symbols[to - 2], left, word);
        this.#count(symbols[to - 2], merged, word);
      }
      from++;
      if (from + 1 < end) {
        this.#discount(right, symbols[from + 1], word);
        this.#count(merged, symbols[from + 1], word);
      }
    }
    this.#lengths[word] = to - start;
  }
}

/** A pair of token ids that may be merged, with its count when it was queued. */
interface Candidate {
  /** Pair number. */
  pair: number;
  left: number;
  right: number;
  count: number;
  /** Indices of the words that contain it. */
  readonly words: readonly number[];
}

/** A priority queue (binary heap): highest count first, then lowest left id, then lowest right id. */
class PairQueue {
  readonly #heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(candidate);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(candidate, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}
