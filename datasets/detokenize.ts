/**
 * Running text from the tokens of the Brown corpus, in which punctuation stands apart, quotation marks
 * are `` and '', and most sentence-final marks are doubled ("? ?").
 *
 * @module
 */

/** Marks that attach to the word before them. */
const CLOSING = new Set([",", ".", ";", ":", "?", "!", ")", "]", "''"]);
/** Marks that attach to the word after them. */
const OPENING = new Set(["(", "[", "``"]);
const DOUBLED = new Set([";", "?", "!", ":"]);
/** Marks that American usage puts before a closing quotation mark, and the corpus always after it. */
const INSIDE_QUOTES = new Set([",", ".", "?", "!"]);

/**
 * Joins Brown tokens to text with ordinary spacing and straight quotation marks. Contractions are whole
 * in the corpus ("didn't"), so only punctuation needs care.
 *
 * @param tokens words without their tags.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { detokenize } from "./detokenize.ts";
 * assert.equal(detokenize(["``", "Why", "''", "?", "?", "He", "asked", "."]), '"Why?" He asked.');
 * ```
 */
export function detokenize(tokens: readonly string[]): string {
  let text = "";
  let glue = true; // the next token follows without a space
  let in_single_quotes = false;
  for (const token of orderMarks(tokens)) {
    // A lone ' opens or closes a quotation inside another; the corpus does not tell which.
    const closes = CLOSING.has(token) || (token === "'" && in_single_quotes);
    const opens = OPENING.has(token) || (token === "'" && !in_single_quotes);
    if (token === "'") in_single_quotes = !in_single_quotes;
    // Also within words: 12'' stands for twelve inches.
    text += (glue || closes ? "" : " ") + token.replace(/``|''/g, '"');
    glue = opens;
  }
  return text;
}

/** Drops the second of doubled marks, and moves marks into the quotation they end. */
function orderMarks(tokens: readonly string[]): string[] {
  const ordered: string[] = [];
  for (const [i, token] of tokens.entries()) {
    const before = tokens[i - 1] ?? "";
    if (token === before && DOUBLED.has(token)) continue;
    // Inch marks are doubled too: `12'' ''`.
    if (token === "''" && /.''$/.test(before)) continue;
    const inside = INSIDE_QUOTES.has(token) && ordered.at(-1) === "''";
    // `' ''` closes two quotations at once.
    const quotes = inside ? ordered.splice(ordered.at(-2) === "'" ? -2 : -1) : [];
    ordered.push(token, ...quotes);
  }
  return ordered;
}

/** Splits `word/tag` at its last slash: words hold slashes too ("1/2/cd"). */
export function stripTag(token: string): string {
  const slash = token.lastIndexOf("/");
  return slash > 0 ? token.slice(0, slash) : token;
}
