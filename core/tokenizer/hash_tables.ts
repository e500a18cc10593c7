/**
 * Hash tables that number distinct words, and distinct pairs of token ids.
 *
 * @module
 */
import { grown } from "./buffers.ts";

/** Integers per slot: two of the key, the word's length and its number + 1 (0: the slot is free). */
const SLOT = 4;

/** Minimum number of slots per word, so that probe sequences stay short. */
const SLOTS_PER_WORD = 2;

/** Words of at most this many bytes are their own key, so that a lookup reads a single slot. */
const SHORT = 8;

/** Numbers distinct words 0, 1, 2, … in order of first occurrence. */
export class WordTable {
  #slots = new Int32Array(SLOT * 1024);
  #mask = 1023;
  /** The words, concatenated. */
  #bytes = new Uint8Array(8 * 1024);
  /** Start of each word, then the end of the last one. */
  #starts = new Uint32Array(1024);
  #size = 0;

  /** Words in the table. */
  get size(): number {
    return this.#size;
  }

  /** Total bytes of all words. */
  get byte_length(): number {
    return this.#starts[this.#size];
  }

  /** The words, concatenated; valid until one is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.byte_length);
  }

  /** Start of each word in {@linkcode bytes}, then the end of the last one; valid until one is added. */
  get starts(): Uint32Array {
    return this.#starts.subarray(0, this.#size + 1);
  }

  /** The number of a word; for a new word, the previous {@linkcode size}. */
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
        (is_short || this.#equals(number, bytes, start, end))
      ) return number;
    }
    this.#insert(SLOT * slot, low, high, length);
    return this.#append(bytes, start, end);
  }

  /** Removes all words. */
  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
  }

  #equals(number: number, bytes: Uint8Array, start: number, end: number): boolean {
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

  /** Doubles the number of slots. */
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

/** Up to four bytes as one integer. */
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

/** A hash of a key; its low bits depend on all of the key. */
function mix(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0xc2b2ae35) ^ hash >>> 13;
}

/** Numbers distinct pairs of token ids 0, 1, 2, … in the order in which they are first added. */
export class PairTable {
  /** Three integers per slot: left, right and number + 1 (0: the slot is free). */
  #slots: Int32Array;
  #mask: number;
  #size = 0;

  /** @param capacity expected number of pairs; the table grows beyond it. */
  constructor(capacity = 512) {
    const slots = 2 ** Math.ceil(Math.log2(2 * capacity + 2));
    this.#slots = new Int32Array(3 * slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of a pair, or -1. */
  find(left: number, right: number): number {
    const slots = this.#slots, mask = this.#mask;
    for (let slot = hashPair(left, right) & mask;; slot = slot + 1 & mask) {
      const at = 3 * slot;
      const number = slots[at + 2];
      if (number === 0) return -1;
      if (slots[at] === left && slots[at + 1] === right) return number - 1;
    }
  }

  /** The number of a pair; for a new pair, the previous {@linkcode size}. */
  add(left: number, right: number): number {
    const slots = this.#slots, mask = this.#mask;
    let at = 3 * (hashPair(left, right) & mask);
    while (slots[at + 2] !== 0) {
      if (slots[at] === left && slots[at + 1] === right) return slots[at + 2] - 1;
      at = at === 3 * mask ? 0 : at + 3;
    }
    slots[at] = left;
    slots[at + 1] = right;
    slots[at + 2] = ++this.#size;
    const number = this.#size - 1;
    if (2 * this.#size > mask) this.#enlarge();
    return number;
  }

  /** Doubles the number of slots. */
  #enlarge(): void {
    const old = this.#slots;
    const slots = new Int32Array(2 * old.length);
    const mask = 2 * this.#mask + 1;
    for (let i = 0; i < old.length; i += 3) {
      if (old[i + 2] === 0) continue;
      let slot = hashPair(old[i], old[i + 1]) & mask;
      while (slots[3 * slot + 2] !== 0) slot = slot + 1 & mask;
      slots.set(old.subarray(i, i + 3), 3 * slot);
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}

function hashPair(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77);
  return mixed ^ mixed >>> 15;
}
