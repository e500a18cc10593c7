/**
 * A hash table over pairs of token ids.
 *
 * @module
 */

/** Numbers distinct pairs 0, 1, 2, … in the order in which they are first added. */
export class PairTable {
  /** Left, right and number + 1 (0: free) of each slot, side by side. */
  #slots: Int32Array;
  #mask: number;
  #size = 0;

  /** @param capacity pairs expected; more are taken too. */
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

  /** The number of a pair, which is {@linkcode size} as it was before where the pair is new. */
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

  /** Twice as many slots. */
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
