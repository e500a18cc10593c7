/**
 * Merges the bytes of a word into tokens.
 *
 * @module
 */
import { grown, type TokenBuffer } from "./buffers.ts";
import { PairTable } from "./hash_tables.ts";

/** A merge: ids of its two parts and of the merged token. */
export type Merge = readonly [left: number, right: number, merged: number];

/** Rank and position as one number: rank * PLACES + place, exact up to 2^22 merges and words of 2^31 bytes. */
const PLACES = 2 ** 31;

/**
 * Applies merges by rank, leftmost first (Sennrich et al. 2016), in O(n log n) for a word of n bytes.
 *
 * The order of events, including queue entries whose pair has changed to another with the same merged token, follows
 * tokenizers 0.23, `models/bpe/word.rs`.
 */
export class WordMerger {
  readonly #ranks: PairTable;
  /** Rank by pair number. */
  readonly #rank: Int32Array;
  /** Merged token by rank. */
  readonly #merged: Int32Array;
  /** Symbols of the word: id (-1: merged into the one before), positions of the neighbours. */
  #ids = new Int32Array(64);
  #previous = new Int32Array(64);
  #next = new Int32Array(64);
  readonly #queue = new NumberQueue();

  /**
   * @param byte_ids id of each byte, [256].
   * @param merges in rank order; if a pair occurs twice, the last one counts.
   */
  constructor(readonly byte_ids: ArrayLike<number>, merges: readonly Merge[]) {
    this.#ranks = new PairTable(merges.length);
    this.#rank = new Int32Array(merges.length);
    this.#merged = Int32Array.from(merges, ([, , merged]) => merged);
    for (const [rank, [left, right]] of merges.entries()) {
      this.#rank[this.#ranks.add(left, right)] = rank;
    }
  }

  /** Appends the tokens of the word from `start` to `end`. */
  encode(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    const length = end - start;
    if (length === 1) return out.push(this.byte_ids[bytes[start]]);
    this.#reserve(length);
    for (let place = 0; place < length; place++) {
      this.#ids[place] = this.byte_ids[bytes[start + place]];
    }
    this.#mergeAll(length, out);
  }

  /** Appends what is left of the ids of a word after all merges. */
  mergeIds(ids: readonly number[], out: TokenBuffer): void {
    this.#reserve(ids.length);
    this.#ids.set(ids);
    this.#mergeAll(ids.length, out);
  }

  #mergeAll(length: number, out: TokenBuffer): void {
    const queue = this.#queue, ids = this.#ids;
    for (let place = 0; place < length; place++) {
      this.#previous[place] = place - 1;
      this.#next[place] = place + 1;
    }
    for (let place = 0; place + 1 < length; place++) this.#enqueue(place, place + 1);
    while (queue.size > 0) {
      const top = queue.pop();
      const place = top % PLACES;
      this.#merge(place, (top - place) / PLACES, length);
    }
    for (let place = 0; place < length; place = this.#next[place]) out.push(ids[place]);
  }

  #reserve(length: number): void {
    if (length <= this.#ids.length) return;
    this.#ids = grown(this.#ids, length);
    this.#previous = grown(this.#previous, length);
    this.#next = grown(this.#next, length);
  }

  /** Queues the merge of two neighbours, if one exists. */
  #enqueue(place: number, next: number): void {
    const number = this.#ranks.find(this.#ids[place], this.#ids[next]);
    if (number >= 0) this.#queue.push(this.#rank[number] * PLACES + place);
  }

  #merge(place: number, rank: number, length: number): void {
    const ids = this.#ids, next = this.#next[place];
    if (ids[place] < 0 || next >= length) return;
    // The symbols may have changed since the merge was queued.
    const number = this.#ranks.find(ids[place], ids[next]);
    const merged = this.#merged[rank];
    if (number < 0 || this.#merged[this.#rank[number]] !== merged) return;
    ids[place] = merged;
    ids[next] = -1;
    const after = this.#next[next];
    this.#next[place] = after;
    if (after < length) this.#previous[after] = place;
    if (this.#previous[place] >= 0) this.#enqueue(this.#previous[place], place);
    if (after < length) this.#enqueue(place, after);
  }
}

/** A binary heap of numbers, smallest first. */
class NumberQueue {
  #heap = new Float64Array(64);
  size = 0;

  push(value: number): void {
    this.#heap = grown(this.#heap, this.size + 1);
    const heap = this.#heap;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent] <= value) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = value;
  }

  /** Removes and returns the smallest; the queue must not be empty. */
  pop(): number {
    const heap = this.#heap, top = heap[0];
    const size = --this.size, last = heap[size];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= last) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
