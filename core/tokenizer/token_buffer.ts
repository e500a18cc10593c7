/**
 * Token ids in a typed array that grows.
 *
 * @module
 */

/** Token ids: uint16 where the vocabulary has at most 65,536 tokens, else uint32. */
export type TokenArray = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Ids from 0 to `vocab_size` - 1 in as few bytes as they fit in. */
export function tokenArray(vocab_size: number, length: number): TokenArray {
  return vocab_size <= 0x1_0000 ? new Uint16Array(length) : new Uint32Array(length);
}

/** Collects token ids. */
export class TokenBuffer {
  #values: TokenArray;
  #length = 0;

  constructor(readonly vocab_size: number, capacity = 1024) {
    this.#values = tokenArray(vocab_size, capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The ids so far, and room for more after them; valid until one is added. */
  get values(): TokenArray {
    return this.#values;
  }

  push(id: number): void {
    if (this.#length === this.#values.length) this.#grow(1);
    this.#values[this.#length++] = id;
  }

  /** Appends ids from `start` to `end` of an array. */
  append(ids: ArrayLike<number>, start: number, end: number): void {
    if (this.#length + end - start > this.#values.length) this.#grow(end - start);
    const values = this.#values;
    let at = this.#length;
    for (let i = start; i < end; i++) values[at++] = ids[i];
    this.#length = at;
  }

  /** The ids so far, in an array of their own. */
  slice(): TokenArray {
    return this.#values.slice(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #grow(more: number): void {
    const longer = tokenArray(
      this.vocab_size,
      Math.max(2 * this.#values.length, this.#length + more),
    );
    longer.set(this.#values);
    this.#values = longer;
  }
}
