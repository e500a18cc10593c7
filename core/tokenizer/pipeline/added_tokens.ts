/**
 * Added tokens: found in a text before it is split into words.
 *
 * @module
 */
import type { AddedToken } from "../shapes.ts";
import type { Normalizer } from "./normalizers.ts";
import { isSpace, isWord } from "./unicode.ts";

/** A piece of a text: an added token, or text between added tokens. */
export interface Piece {
  /** Id of the added token; undefined for text. */
  readonly id: number | undefined;
  readonly text: string;
  /** Where it starts, in UTF-16 units. */
  readonly start: number;
}

/** Finds added tokens, the leftmost and then the longest, as `AddedVocabulary::find_matches` in tokenizers 0.23 does. */
export class AddedTokenFinder {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #regex: RegExp | undefined;
  /** Control tokens that were left as text. */
  left_as_text = 0;

  /**
   * @param plain ids of tokens that stay text.
   * @param normalize of the contents, for tokens that are matched in the normalized text.
   */
  constructor(
    tokens: readonly AddedToken[],
    readonly plain: ReadonlySet<number>,
    normalize?: Normalizer,
  ) {
    for (const token of tokens) {
      const content = normalize ? normalize(token.content) : token.content;
      if (content !== "") this.#tokens.set(content, token);
    }
    const longest_first = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    if (longest_first.length > 0) {
      this.#regex = new RegExp(longest_first.map(RegExp.escape).join("|"), "gu");
    }
  }

  /** Splits a text that is not empty. */
  split(text: string): Piece[] {
    if (this.#regex === undefined) return [{ id: undefined, text, start: 0 }];
    const pieces: Piece[] = [];
    let at = 0;
    for (const { 0: content, index } of text.matchAll(this.#regex)) {
      const { id, single_word, lstrip, rstrip } = this.#tokens.get(content)!;
      let start = index, end = index + content.length;
      if (this.plain.has(id)) {
        this.left_as_text++;
        continue;
      }
      if (single_word && isInWord(text, start, end)) continue;
      if (lstrip) { while (start > at && isSpace(text[start - 1])) start--; }
      if (rstrip) { while (end < text.length && isSpace(text[end])) end++; }
      if (at < start) pieces.push({ id: undefined, text: text.slice(at, start), start: at });
      pieces.push({ id, text: text.slice(start, end), start });
      at = end;
    }
    if (at < text.length) pieces.push({ id: undefined, text: text.slice(at), start: at });
    return pieces;
  }
}

/** Whether a character of a word is right before or after a stretch of the text. */
function isInWord(text: string, start: number, end: number): boolean {
  const before = Array.from(text.slice(Math.max(0, start - 2), start)).at(-1) ?? "";
  const after = Array.from(text.slice(end, end + 2))[0] ?? "";
  return isWord(before) || isWord(after);
}
