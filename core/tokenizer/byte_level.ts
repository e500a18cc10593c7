/**
 * The byte-level pre-tokenizer of GPT-2, GPT-NeoX and Pythia: its alphabet, and how it splits UTF-8 text into words.
 *
 * @module
 */

/** A printable character for each byte 0…255: the byte's own if it is printable, else one from U+0100 on. */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

/** Byte of each character of the alphabet. */
export const CHARACTER_BYTES: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++),
  );
}

/** Character classes of the pre-tokenizer; 0: not looked up yet. */
const SPACE = 1;
const LETTER = 2;
const NUMBER = 3;
const OTHER = 4;

/** The class of each code point: ASCII is filled in advance, others on first use. */
const CLASSES = new Uint8Array(0x11_0000);
for (let point = 0; point < 0x80; point++) CLASSES[point] = classify(point);

/**
 * The class of a code point. `\p{White_Space}` instead of `\s`: they differ in U+FEFF and U+0085, and Hugging Face's
 * Rust tokenizers use the former.
 */
function classify(point: number): number {
  const character = String.fromCodePoint(point);
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? SPACE : OTHER;
}

/**
 * The end of the word that starts at `at`. Successive words are the matches of
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * (Radford et al. 2019, `encoder.py`): contractions, words with a leading space, numbers, punctuation, white space.
 *
 * @param bytes well-formed UTF-8 from `at` to `end`.
 * @param at start of a character before `end`.
 */
export function wordEnd(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  if (first === 0x27) {
    const length = contraction(bytes, at + 1, end);
    if (length > 0) return at + 1 + length;
  }
  // A space belongs to the run after it, unless that is white space.
  if (first === 0x20 && at + 1 < end) {
    const kind = classAt(bytes, at + 1);
    if (kind !== SPACE) return runEnd(bytes, at + 1, end, kind);
  }
  const kind = classAt(bytes, at);
  return kind === SPACE ? spaceEnd(bytes, at, end) : runEnd(bytes, at, end, kind);
}

/** Number of letters after the apostrophe of a contraction; 0 if it is not a contraction. */
function contraction(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  const first = bytes[at];
  // s, t, m, d
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return 1;
  if (at + 1 >= end) return 0;
  const second = bytes[at + 1];
  // re, ve, ll
  if ((first === 0x72 || first === 0x76) && second === 0x65) return 2;
  return first === 0x6c && second === 0x6c ? 2 : 0;
}

/** The end of the run of characters of one class. */
function runEnd(bytes: Uint8Array, at: number, end: number, kind: number): number {
  while (at < end) {
    const byte = bytes[at];
    if (byte < 0x80) {
      if (CLASSES[byte] !== kind) break;
      at++;
    } else {
      if (classAt(bytes, at) !== kind) break;
      at += width(byte);
    }
  }
  return at;
}

/** The end of a run of white space: without its last character, unless the text ends there. */
function spaceEnd(bytes: Uint8Array, start: number, end: number): number {
  let last = start, at = start;
  while (at < end && classAt(bytes, at) === SPACE) {
    last = at;
    at += width(bytes[at]);
  }
  return at === end || last === start ? at : last;
}

function classAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte < 0x80) return CLASSES[byte];
  const point = codePointAt(bytes, at);
  const known = CLASSES[point];
  return known !== 0 ? known : CLASSES[point] = classify(point);
}

/** The code point of two or more bytes that starts at `at`. */
function codePointAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte < 0xe0) return (byte & 0x1f) << 6 | bytes[at + 1] & 0x3f;
  const two = (bytes[at + 1] & 0x3f) << 6 | bytes[at + 2] & 0x3f;
  if (byte < 0xf0) return (byte & 0x0f) << 12 | two;
  return (byte & 0x07) << 18 | two << 6 | bytes[at + 3] & 0x3f;
}

/** Number of bytes of the character that starts with this byte. */
function width(byte: number): number {
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
