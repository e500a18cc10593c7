/**
 * Typed arrays that grow, and a buffer of token ids.
 *
 * @module
 */

/** Token ids: uint16 if the vocabulary has at most 65,536 tokens, else uint32. */
export type TokenArray = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** An array of the narrowest type that holds ids from 0 to `vocab_size` - 1. */
function tokenArray(vocab_size: number, length: number): TokenArray {
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

  /** The underlying array: the first {@linkcode length} elements are ids. Valid until one is added. */
  get values(): TokenArray {
    return this.#values;
  }

  push(id: number): void {
    if (this.#length === this.#values.length) this.#grow(1);
    this.#values[this.#length++] = id;
  }

  /** Appends the elements `start` to `end` of an array. */
  append(ids: ArrayLike<number>, start: number, end: number): void {
    if (this.#length + end - start > this.#values.length) this.#grow(end - start);
    const values = this.#values;
    let at = this.#length;
    for (let i = start; i < end; i++) values[at++] = ids[i];
    this.#length = at;
  }

  /** A copy of the ids so far. */
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

/** Any typed array of ids, counts or bytes. */
type Growable = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** The array itself if it has at least `length` elements, else a copy at least twice as long, padded with zeros. */
export function grown<T extends Growable>(array: T, length: number): T {
  if (length <= array.length) return array;
  const longer = new (array.constructor as new (length: number) => T)(
    Math.max(length, 2 * array.length),
  );
  longer.set(array);
  return longer;
}
