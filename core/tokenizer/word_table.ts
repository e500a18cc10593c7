/**
 * A hash table of words as bytes.
 *
 * @module
 */
import { grown } from "./grown.ts";

/** Integers of a slot: two of the key, the word's length and its number + 1 (0: the slot is free). */
const SLOT = 4;

/** Slots for each word, at least: searches stay short. */
const SLOTS_PER_WORD = 2;

/** Words of at most this many bytes are their own key, so that looking them up reads one slot and nothing else. */
const SHORT = 8;

/** Numbers distinct words 0, 1, 2, … in the order in which they are first seen. */
export class WordTable {
  #slots = new Int32Array(SLOT * 1024);
  #mask = 1023;
  /** The words, one after the other. */
  #bytes = new Uint8Array(8 * 1024);
  /** Where each word starts, and where the last one ends. */
  #starts = new Uint32Array(1024);
  #size = 0;

  /** Words in the table. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of all words. */
  get byte_length(): number {
    return this.#starts[this.#size];
  }

  /** The words, one after the other; valid until one is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.byte_length);
  }

  /** Where each word starts in {@linkcode bytes}, and where the last one ends; valid until one is added. */
  get starts(): Uint32Array {
    return this.#starts.subarray(0, this.#size + 1);
  }

  /** The number of a word, which is {@linkcode size} as it was before where the word is new. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const is_short = length <= SHORT;
    const low = is_short ? pack(bytes, start, Math.min(start + 4, end)) : fnv(bytes, start, end);
    const high = is_short ? pack(bytes, start + 4, end) : 0;
    const slots = this.#slots, mask = this.#mask;
    let slot = mix(low, high) & mask;
    for (;; slot = slot + 1 & mask) {
      const at = SLOT * slot, number = slots[at + 3] - 1;
      if (number < 0) break;
      if (
        slots[at] === low && slots[at + 1] === high && slots[at + 2] === length &&
        (is_short || this.#is(number, bytes, start, end))
      ) return number;
    }
    this.#insert(SLOT * slot, low, high, length);
    return this.#append(bytes, start, end);
  }

  /** Forgets all words. */
  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
  }

  #is(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes, offset = this.#starts[number] - start;
    for (let i = start; i < end; i++) if (own[offset + i] !== bytes[i]) return false;
    return true;
  }

  #append(bytes: Uint8Array, start: number, end: number): number {
    const number = this.#size - 1, at = this.#starts[number];
    this.#starts = grown(this.#starts, number + 2);
    this.#bytes = grown(this.#bytes, at + end - start);
    for (let i = start; i < end; i++) this.#bytes[at + i - start] = bytes[i];
    this.#starts[number + 1] = at + end - start;
    return number;
  }

  #insert(at: number, low: number, high: number, length: number): void {
    const slots = this.#slots;
    slots[at] = low;
    slots[at + 1] = high;
    slots[at + 2] = length;
    slots[at + 3] = ++this.#size;
    if (this.#size * SLOTS_PER_WORD > this.#mask) this.#enlarge();
  }

  /** Twice as many slots. */
  #enlarge(): void {
    const old = this.#slots;
    const slots = new Int32Array(2 * old.length);
    const mask = 2 * this.#mask + 1;
    for (let from = 0; from < old.length; from += SLOT) {
      if (old[from + 3] === 0) continue;
      let slot = mix(old[from], old[from + 1]) & mask;
      while (slots[SLOT * slot + 3] !== 0) slot = slot + 1 & mask;
      slots.set(old.subarray(from, from + SLOT), SLOT * slot);
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}

/** At most four bytes as one integer. */
function pack(bytes: Uint8Array, start: number, end: number): number {
  let packed = 0;
  for (let i = start; i < end; i++) packed = packed << 8 | bytes[i];
  return packed;
}

/** The hash FNV-1a. */
function fnv(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}

/** A hash of a key, whose low bits depend on all of it. */
function mix(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0xc2b2ae35) ^ hash >>> 13;
}
