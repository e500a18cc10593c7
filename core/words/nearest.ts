/**
 * The name that somebody probably meant.
 *
 * @module
 */

/**
 * "; did you mean --recipe?" for a name that is not among those there are; "" where none is near.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { didYouMean } from "./nearest.ts";
 * assert.equal(didYouMean("pycod", ["pycode", "general"]), "; did you mean pycode?");
 * assert.equal(didYouMean("math", ["pycode", "general"]), "");
 * ```
 */
export function didYouMean(given: string, names: readonly string[]): string {
  const near = nearest(given, names);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

/** The only name that begins so, or the one that differs least; undefined when all differ much. */
function nearest(given: string, names: readonly string[]): string | undefined {
  const begins = names.filter((name) => given.length > 1 && name.startsWith(given));
  if (begins.length === 1) return begins[0];
  const [best] = names.toSorted((a, b) => distance(given, a) - distance(given, b));
  if (best === undefined) return undefined;
  // Another letter is not a misspelled one.
  const most = given.length === 1 ? 0 : Math.max(1, given.length / 3);
  return distance(given, best) <= most ? best : undefined;
}

/** Levenshtein's distance: characters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(a[i - 1] !== b[j - 1]));
    }
    row = next;
  }
  return row[b.length];
}
