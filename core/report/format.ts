/**
 * Numbers as text. One place, so that the page, the terminal and the captions agree; nothing here depends on
 * the reader's locale, because the report must come out the same everywhere.
 *
 * @module
 */

/** What is shown for a number that was not measured. */
export const NOT_MEASURED = "–";

/**
 * A number with a fixed count of decimals; a dash where it was not measured.
 *
 * @example
 * ```ts
 * import { decimals } from "./format.ts";
 * import assert from "node:assert/strict";
 * assert.equal(decimals(2.34567), "2.346");
 * assert.equal(decimals(NaN), "–");
 * ```
 */
export function decimals(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return NOT_MEASURED;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** A difference, always with its sign: "+0.120", "-0.043", and "0.000" where it rounds to nothing. */
export function signed(value: number, digits = 3): string {
  const text = decimals(value, digits);
  return Number(text) > 0 ? `+${text}` : text;
}

/** A count with thousands separators: 1234567 -> "1,234,567". */
export function count(value: number): string {
  if (!Number.isFinite(value)) return NOT_MEASURED;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share as a percentage: 0.2 -> "20.0%". */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : NOT_MEASURED;
}

/** "a", "a and b", "a, b and c". */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
