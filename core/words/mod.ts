/**
 * Words that messages of all rooms share: counts with their nouns, what is wrong with a value, and why a file cannot be read
 * or written.
 *
 * @module
 */
export {
  causeOf,
  errorText,
  type FileError,
  fileErrorOf,
  openFile,
  openFileSync,
} from "./files.ts";
export { issueText } from "./issues.ts";
export { keyFault } from "./names.ts";
export { didYouMean } from "./nearest.ts";

/** A number with thousands separators: `1,234,567`. */
export function formatNumber(value: number): string {
  return value.toLocaleString("en-US");
}

/** 1.5 MB and the like, in powers of 1,000. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/**
 * A number with its noun.
 *
 * @param one the noun for 1; further words follow the count: `${counted(n, "text")} cut`.
 * @param many the noun for other numbers, where it does not follow from `one`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { counted } from "./mod.ts";
 * assert.equal(counted(1, "text"), "1 text");
 * assert.equal(counted(1200, "pass"), "1,200 passes");
 * assert.equal(counted(0, "entry"), "0 entries");
 * ```
 */
export function counted(value: number, one: string, many = pluralOf(one)): string {
  return `${formatNumber(value)} ${value === 1 ? one : many}`;
}

function pluralOf(one: string): string {
  if (/[^aeiou]y$/.test(one)) return `${one.slice(0, -1)}ies`;
  return /(?:s|x|z|ch|sh)$/.test(one) ? `${one}es` : `${one}s`;
}
