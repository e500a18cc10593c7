/**
 * The byte-level alphabet and pre-tokenizer of GPT-2, which GPT-NeoX and Pythia share.
 *
 * @module
 */

/**
 * Splits text into contractions, words with their leading blank, numbers, punctuation and white space
 * (Radford et al. 2019, `encoder.py`). `\p{White_Space}` and not `\s`: the two differ in U+FEFF and
 * U+0085, and Hugging Face's Rust tokenizers use the former.
 */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Cuts a text into the words inside which merges happen; joined, they are the text again. */
export function splitWords(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/**
 * One printable character for each byte: itself where it is printable, else one from U+0100 on.
 * Index: byte 0…255.
 */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++),
  );
}
