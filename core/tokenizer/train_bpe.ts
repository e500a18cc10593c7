/**
 * Training of byte-level byte-pair encoding (Sennrich et al. 2016; on bytes, Radford et al. 2019).
 *
 * @module
 */
import { BYTE_CHARACTERS, splitWords } from "./byte_level.ts";
import { type Candidate, PairQueue } from "./pair_queue.ts";

export interface BpeOptions {
  /** Tokens in all: special tokens, 256 bytes, merges. At most 65,536, so that ids fit in uint16. */
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

const MAX_VOCAB_SIZE = 65_536;

/**
 * Learns merges from texts: the most frequent pair of adjacent tokens is merged, again and again, until
 * the vocabulary is full. The result equals that of Hugging Face's Rust `BpeTrainer` with the `ByteLevel`
 * pre-tokenizer (no prefix space) and its initial alphabet, on the same texts.
 *
 * @throws {RangeError} for a vocabulary too small for the bytes or too large for uint16.
 * @throws {Error} when there is no text.
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
  const counts = await countWords(texts);
  if (counts.size === 0) throw new Error("there is no text to train a tokenizer on");
  return new BpeTrainer(counts, options).run();
}

function assertOptions({ vocab_size, special_tokens }: BpeOptions): void {
  const least = special_tokens.length + 256;
  if (!Number.isInteger(vocab_size) || vocab_size < least || vocab_size > MAX_VOCAB_SIZE) {
    throw new RangeError(
      `vocab_size is ${vocab_size}; it must be an integer from ${least} (special tokens and bytes) to ${MAX_VOCAB_SIZE}`,
    );
  }
}

async function countWords(
  texts: AsyncIterable<string> | Iterable<string>,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const text of texts) {
    for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** A pair of ids as one map key. */
const pairKey = (left: number, right: number): number => left * MAX_VOCAB_SIZE + right;

/**
 * The merge loop. Pair counts are kept up to date word by word, and the queue lazily: a candidate whose
 * count has fallen since it was queued is queued again with the present count. The order of events,
 * down to a pair whose merged token exists already, follows tokenizers 0.23, `models/bpe/trainer.rs`.
 */
class BpeTrainer {
  readonly #vocabulary: string[] = [];
  readonly #ids = new Map<string, number>();
  /** Token ids of each distinct word, and how often the word occurs. */
  readonly #words: number[][] = [];
  readonly #word_counts: number[] = [];
  readonly #pair_counts = new Map<number, number>();
  readonly #queue = new PairQueue();
  readonly #merges = new Map<number, { rank: number; left: string; right: string }>();

  constructor(counts: ReadonlyMap<string, number>, readonly options: BpeOptions) {
    for (const token of options.special_tokens) this.#addToken(token);
    for (const character of BYTE_CHARACTERS.toSorted()) this.#addToken(character);
    const byte_ids = BYTE_CHARACTERS.map((character) => this.#ids.get(character)!);
    const encoder = new TextEncoder();
    for (const [word, count] of counts) {
      this.#words.push(Array.from(encoder.encode(word), (byte) => byte_ids[byte]));
      this.#word_counts.push(count);
    }
  }

  run(): BpeModel {
    this.#queueChanges(this.#countPairs());
    const { vocab_size, min_frequency = 0 } = this.options;
    for (let rank = 0; this.#vocabulary.length < vocab_size;) {
      const top = this.#queue.pop();
      if (top === undefined) break;
      const count = this.#pair_counts.get(pairKey(top.left, top.right)) ?? 0;
      if (count !== top.count) {
        this.#queue.push({ ...top, count });
        continue;
      }
      if (count < 1 || count < min_frequency) break;
      this.#merge(top, rank++);
    }
    const merges = [...this.#merges.values()].sort((a, b) => a.rank - b.rank);
    return {
      vocabulary: this.#vocabulary,
      merges: merges.map(({ left, right }) => [left, right] as const),
    };
  }

  #addToken(token: string): number {
    const known = this.#ids.get(token);
    if (known !== undefined) return known;
    this.#ids.set(token, this.#vocabulary.length);
    return this.#vocabulary.push(token) - 1;
  }

  /** Counts all pairs, and returns the words each occurs in. */
  #countPairs(): Map<number, number[]> {
    const places = new Map<number, number[]>();
    for (const [index, word] of this.#words.entries()) {
      for (let i = 1; i < word.length; i++) this.#count(word[i - 1], word[i], index, places);
    }
    return places;
  }

  /** Adds a pair of one word, and notes the word once. */
  #count(left: number, right: number, word: number, places: Map<number, number[]>): void {
    const key = pairKey(left, right);
    this.#pair_counts.set(key, (this.#pair_counts.get(key) ?? 0) + this.#word_counts[word]);
    const words = places.get(key);
    if (words === undefined) places.set(key, [word]);
    else if (words.at(-1) !== word) words.push(word);
  }

  #discount(left: number, right: number, word: number): void {
    const key = pairKey(left, right);
    this.#pair_counts.set(key, (this.#pair_counts.get(key) ?? 0) - this.#word_counts[word]);
  }

  #queueChanges(places: Map<number, number[]>): void {
    for (const [key, words] of places) {
      const count = this.#pair_counts.get(key)!;
      const left = Math.floor(key / MAX_VOCAB_SIZE);
      if (count > 0) this.#queue.push({ left, right: key % MAX_VOCAB_SIZE, count, words });
    }
  }

  #merge({ left, right, words }: Candidate, rank: number): void {
    const parts = { left: this.#vocabulary[left], right: this.#vocabulary[right] };
    const merged = this.#addToken(parts.left + parts.right);
    // A pair that comes up again takes its later rank, and its later place, as in the original.
    this.#merges.set(pairKey(left, right), { rank, ...parts });
    const places = new Map<number, number[]>();
    for (const word of words) this.#mergeInWord(word, left, right, merged, places);
    this.#queueChanges(places);
  }

  /** Replaces each (left, right) in a word, and moves the counts of the pairs around it. */
  #mergeInWord(
    index: number,
    left: number,
    right: number,
    merged: number,
    places: Map<number, number[]>,
  ): void {
    const word = this.#words[index];
    for (let i = 0; i + 1 < word.length; i++) {
      if (word[i] !== left || word[i + 1] !== right) continue;
      word.splice(i, 2, merged);
      if (i > 0) {
        this.#discount(word[i - 1], left, index);
        this.#count(word[i - 1], merged, index, places);
      }
      if (i + 1 < word.length) {
        this.#discount(right, word[i + 1], index);
        this.#count(merged, word[i + 1], index, places);
      }
    }
  }
}
