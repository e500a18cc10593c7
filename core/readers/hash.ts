/**
 * Deterministic hashing of names and texts.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

/**
 * Maps a text to a number in [0, 1), uniformly: the first 48 bits of its SHA-256, divided by 2^48.
 *
 * Comparing it with a threshold draws a sample that depends on nothing but the text, and a sample at a
 * lower threshold is always part of the one at a higher threshold.
 *
 * @param salt keeps draws for different purposes independent.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { hashShare } from "./hash.ts";
 * assert.equal(hashShare("split", "a.py"), hashShare("split", "a.py"));
 * assert.notEqual(hashShare("split", "a.py"), hashShare("sample", "a.py"));
 * ```
 */
export function hashShare(salt: string, text: string): number {
  const digest = createHash("sha256").update(salt).update("\0").update(text).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/** SHA-256 of a text, hex: a compact key for finding exact duplicates. */
export function textDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * SHA-256 of a file, hex, read in blocks.
 *
 * @throws {Error} when the file is missing.
 */
export function fileDigest(path: string): string {
  const hash = createHash("sha256");
  const block = new Uint8Array(1 << 20);
  const file = openOrExplain(path);
  try {
    for (let n = readSync(file, block); n > 0; n = readSync(file, block)) {
      hash.update(block.subarray(0, n));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}

function openOrExplain(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") {
      throw new Error(`file ${path} does not exist; check the path in the recipe`);
    }
    throw error;
  }
}
