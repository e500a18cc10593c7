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
const QUOTES: Record<string, string> = { "``": '"', "''": '"' };

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
 * assert.equal(detokenize(["``", "Why", "?", "?", "''", "He", "asked", "."]), '"Why?" He asked.');
 * ```
 */
export function detokenize(tokens: readonly string[]): string {
  let text = "";
  let glue = true; // the next token follows without a space
  let in_single_quotes = false;
  for (const [i, token] of tokens.entries()) {
    if (token === tokens[i - 1] && DOUBLED.has(token)) continue;
    // A lone ' opens or closes a quotation inside another; the corpus does not tell which.
    const closes = CLOSING.has(token) || (token === "'" && in_single_quotes);
    const opens = OPENING.has(token) || (token === "'" && !in_single_quotes);
    if (token === "'") in_single_quotes = !in_single_quotes;
    text += (glue || closes ? "" : " ") + (QUOTES[token] ?? token);
    glue = opens;
  }
  return text;
}

/** Splits `word/tag` at its last slash: words hold slashes too ("1/2/cd"). */
export function stripTag(token: string): string {
  const slash = token.lastIndexOf("/");
  return slash > 0 ? token.slice(0, slash) : token;
}
