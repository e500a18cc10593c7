/**
 * Learning merges from word counts.
 *
 * @module
 */
import { BYTE_CHARACTERS } from "./byte_level.ts";
import { grown } from "./grown.ts";
import { type Candidate, PairQueue } from "./pair_queue.ts";
import { PairTable } from "./pair_table.ts";
import type { BpeModel, BpeOptions } from "./train_bpe.ts";
import type { WordCounts } from "./word_counter.ts";

/**
 * The merge loop. Pair counts are kept up to date word by word, and the queue lazily: a candidate whose
 * count has fallen since it was queued is queued again with the present count. The order of events,
 * down to a pair whose merged token exists already, follows tokenizers 0.23, `models/bpe/trainer.rs`.
 */
export class MergeLearner {
  readonly #vocabulary: string[] = [];
  readonly #ids = new Map<string, number>();
  /** Token ids of all words; those of word w lie from `starts[w]` on, `lengths[w]` of them. */
  readonly #symbols: Int32Array;
  readonly #lengths: Int32Array;
  /** Pairs seen so far, and by a pair's number: its ids, its count. */
  readonly #pairs = new PairTable();
  #pair_counts = new Float64Array(1024);
  #lefts = new Int32Array(1024);
  #rights = new Int32Array(1024);
  /** By a pair's number: the words in which it has come up since the queue was last filled. */
  readonly #places: (number[] | undefined)[] = [];
  /** Numbers of the pairs with places. */
  #changed: number[] = [];
  readonly #queue = new PairQueue();
  /** Rank of each merge, by the number of its pair. */
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
    const { vocab_size, min_frequency = 0 } = this.options;
    for (let rank = 0; this.#vocabulary.length < vocab_size;) {
      const top = this.#queue.pop();
      if (top === undefined) break;
      const count = this.#pair_counts[top.pair];
      if (count !== top.count) {
        this.#queue.push({ ...top, count });
        continue;
      }
      if (count < 1 || count < min_frequency) break;
      // A pair that comes up again takes its later rank, as in the original.
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

  /** Adds a pair of one word, and notes the word once. */
  #count(left: number, right: number, word: number): void {
    const pair = this.#pairs.add(left, right);
    if (pair >= this.#pair_counts.length) this.#makeRoom(pair + 1);
    // Both are as they were where the pair is known already.
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

  /** Replaces each (left, right) in a word, and moves the counts of the pairs around it. */
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
