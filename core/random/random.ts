/**
 * Streams of random numbers, and random permutations.
 *
 * @module
 */
import { philox4x32, seedHigh, streamKey } from "./philox.ts";

/**
 * A stream of random numbers named by (seed, phase, step), on Philox-4x32-10.
 *
 * Two streams with different names are independent, and a stream does not depend on what was drawn elsewhere.
 * The numbers are equal on every machine; `normal` also depends on the engine's `log`, `sin` and `cos`, which
 * V8 carries in software.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Random } from "./mod.ts";
 *
 * const a = new Random(0, "init", 3), b = new Random(0, "init", 3);
 * assert.equal(a.uint32(), b.uint32());
 * ```
 */
export class Random {
  readonly #key: [number, number];
  readonly #step: number;
  readonly #seedHigh: number;
  readonly #words = new Uint32Array(4);
  #block = 0;
  #used = 4;
  #spare: number | undefined;

  /**
   * @param seed an integer from 0 to 2^53 - 1.
   * @param phase what the numbers are for ("init", "pretrain/order"); any string.
   * @param step an integer from 0 to 2^32 - 1.
   * @throws {RangeError} when seed or step is out of range.
   */
  constructor(seed: number, phase: string, step: number) {
    if (!Number.isInteger(step) || step < 0 || step >= 2 ** 32) {
      throw new RangeError(`step ${step} must be an integer from 0 to 2^32 - 1`);
    }
    this.#key = streamKey(seed, phase);
    this.#seedHigh = seedHigh(seed);
    this.#step = step;
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#used === 4) {
      // Counter words: block, step, stream kind (0; permute has 1), upper seed bits.
      philox4x32(this.#words, [this.#block++, this.#step, 0, this.#seedHigh], this.#key);
      this.#used = 0;
    }
    return this.#words[this.#used++];
  }

  /** A number in [0, 1), one of 2^53 equally likely, equally spaced values. */
  uniform(): number {
    const high = this.uint32() >>> 5, low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A number of the standard normal distribution (Box and Muller, 1958). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    // z = sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v), with u in (0, 1] so that the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * An integer from 0 to n - 1, all equally likely.
   *
   * @param n an integer from 1 to 2^32.
   * @throws {RangeError} when n is out of range.
   */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`below(${n}): the bound must be an integer from 1 to 2^32`);
    }
    const limit = 2 ** 32 - (2 ** 32 % n); // Words from here on would favour small remainders.
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return word % n;
  }

  /** Fills `out` with normal numbers of mean 0 and the given standard deviation, and returns it. */
  fillNormal(out: Float32Array, std = 1): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = std * this.normal();
    return out;
  }

  /** Shuffles `items` in place (Fisher and Yates), and returns it. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

const FEISTEL_ROUNDS = 8;
/** Memory that all calls of `permute` share. */
const words = new Uint32Array(4);

/**
 * The image of `index` under a random permutation of 0 … size - 1, in constant time and memory.
 *
 * A Feistel network over pairs (left, right) with left < a and right < b, a·b just above `size`, is a bijection
 * of a·b values; walking its cycle until the value is below `size` makes one of `size` values (Black and Rogaway,
 * "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, sections 4 and 5).
 *
 * @param index an integer, 0 <= index < size.
 * @param size number of items, 1 to 2^52.
 * @param seed with `phase`, names the family of permutations, as in {@link Random}.
 * @param round picks one of the family, such as the epoch; 0 to 2^32 - 1.
 * @throws {RangeError} when an argument is out of range.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { permute } from "./mod.ts";
 *
 * const order = [0, 1, 2, 3, 4].map((i) => permute(i, 5, 0, "documents", 0));
 * assert.deepEqual(order.toSorted(), [0, 1, 2, 3, 4]);
 * ```
 */
export function permute(
  index: number,
  size: number,
  seed: number,
  phase: string,
  round: number,
): number {
  checkArguments(index, size, round);
  const key = streamKey(seed, phase), high = seedHigh(seed);
  const a = Math.ceil(Math.sqrt(size));
  const b = Math.ceil(size / a);
  let value = index;
  do {
    let left = Math.floor(value / b), right = value % b;
    for (let r = 0; r < FEISTEL_ROUNDS; r += 2) {
      left = (left + scaled(right, r, a)) % a;
      right = (right + scaled(left, r + 1, b)) % b;
    }
    value = left * b + right;
  } while (value >= size);
  return value;

  /** The round function: a number from 0 to range - 1 that depends on the other half. */
  function scaled(half: number, feistelRound: number, range: number): number {
    // Counter words: half, permutation, stream kind (1 + round; Random has 0), upper seed bits.
    philox4x32(words, [half, round, 1 + feistelRound, high], key);
    return Math.floor((words[0] * 2 ** 20 + (words[1] >>> 12)) / 2 ** 52 * range);
  }
}

function checkArguments(index: number, size: number, round: number): void {
  if (!Number.isInteger(size) || size < 1 || size > 2 ** 52) {
    throw new RangeError(`permute: size ${size} must be an integer from 1 to 2^52`);
  }
  if (!Number.isInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`permute: index ${index} must be an integer below the size ${size}`);
  }
  if (!Number.isInteger(round) || round < 0 || round >= 2 ** 32) {
    throw new RangeError(`permute: round ${round} must be an integer from 0 to 2^32 - 1`);
  }
}
