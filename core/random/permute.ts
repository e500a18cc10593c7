import { philox4x32, seedHigh, streamKey } from "./philox.ts";

const FEISTEL_ROUNDS = 8;
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
  check(index, size, round);
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

function check(index: number, size: number, round: number): void {
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
