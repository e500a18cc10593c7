/**
 * Philox-4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
 * Easy as 1, 2, 3" (SC 2011). One call turns a 128-bit counter and a 64-bit key into 128 random bits.
 *
 * @module
 */
const MULTIPLIER_0 = 0xD2511F53;
const MULTIPLIER_1 = 0xCD9E8D57;
const KEY_STEP_0 = 0x9E3779B9; // golden ratio
const KEY_STEP_1 = 0xBB67AE85; // sqrt(3) - 1
const ROUNDS = 10;

/**
 * Fills `out` with the four random words that belong to a counter and a key.
 *
 * @param out uint32 [4], overwritten.
 * @param counter uint32 [4], as numbers; read as modulo 2^32.
 * @param key uint32 [2], as numbers; read as modulo 2^32.
 */
export function philox4x32(
  out: Uint32Array,
  [c0, c1, c2, c3]: readonly [number, number, number, number],
  [k0, k1]: readonly [number, number],
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + KEY_STEP_0) | 0;
    k1 = (k1 + KEY_STEP_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the 64-bit product, from 16-bit halves, all in integers, so that no sum leaves 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xFFFF, aHigh = a >>> 16;
  const bLow = b & 0xFFFF, bHigh = b >>> 16;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16) | 0;
  const carry = (middle & 0xFFFF) + Math.imul(aLow, bHigh) | 0;
  return Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16) | 0;
}

/**
 * The Philox key of a random stream: the low word of the seed, and a hash of the phase.
 *
 * @throws {RangeError} when the seed is not an integer from 0 to 2^53 - 1.
 */
export function streamKey(seed: number, phase: string): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed ${seed} must be an integer from 0 to 2^53 - 1`);
  }
  return [seed >>> 0, fnv1a(phase)];
}

/** The upper bits of a seed, which do not fit the key and are part of the counter. */
export function seedHigh(seed: number): number {
  return Math.floor(seed / 2 ** 32);
}

/** 32-bit FNV-1a over the UTF-16 code units, two bytes each (Fowler, Noll, Vo; RFC 9923). */
function fnv1a(text: string): number {
  let hash = 0x811C9DC5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xFF), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}
