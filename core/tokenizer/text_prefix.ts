/**
 * The beginning of a document that is only known as ids: cut after a number of characters or words, and tokenized again.
 *
 * @module
 */
import type { TokenArray } from "./buffers.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a text is shortened to; undefined for one that is short enough. */
export type TextCut = (text: string) => string | undefined;

/** The first `count` characters, which are Unicode code points as in Python. */
export function firstCharacters(count: number): TextCut {
  return (text) => {
    let end = 0;
    for (let seen = 0; seen < count; seen++) {
      if (end >= text.length) return undefined;
      end += text.codePointAt(end)! > 0xffff ? 2 : 1;
    }
    return end < text.length ? text.slice(0, end) : undefined;
  };
}

/** Up to the end of the `count`-th word; words are what white space separates. */
export function firstWords(count: number): TextCut {
  return (text) => {
    let seen = 0;
    for (const { index, 0: word } of text.matchAll(/\S+/g)) {
      if (++seen < count) continue;
      const end = index + word.length;
      return end < text.length ? text.slice(0, end) : undefined;
    }
    return undefined;
  };
}

/** Tokens that are decoded at first; twice as many as long as the text is not long enough. */
const FIRST_TOKENS = 512;

/**
 * Ids of the beginning of a document. Ids of a cut text are not always a beginning of the ids of the whole: the last token
 * may change.
 *
 * No more of the document is decoded than the cut needs. Where that ends within a character, the last character decoded is
 * U+FFFD instead; the cut never reaches it, as it leaves out at least one character of what it shortens.
 *
 * @param length number of tokens of the document's text.
 * @param read its first `count` tokens.
 * @returns undefined if the whole text is short enough.
 */
export function textPrefix(
  length: number,
  read: (count: number) => ArrayLike<number>,
  cut: TextCut,
  tokenizer: Pick<Tokenizer, "encode" | "decode">,
): TokenArray | undefined {
  for (let count = Math.min(length, FIRST_TOKENS);; count = Math.min(length, 2 * count)) {
    const kept = cut(tokenizer.decode(read(count)));
    if (kept !== undefined) return tokenizer.encode(kept);
    if (count === length) return undefined;
  }
}
