/**
 * Classes of characters as Hugging Face's Rust library has them.
 *
 * @module
 */

const test = (regex: RegExp) => (character: string) => regex.test(character);

/** White space; unlike `\s` it has U+0085 and not U+FEFF. */
export const isSpace = test(/^\p{White_Space}$/u);
/** Numbers of all kinds; the last two ranges are of Unicode 17. */
export const isNumeric = test(/^[\p{N}\u{11de0}-\u{11de9}\u{16ff4}-\u{16ff6}]$/u);

// The library's tables of these classes are of older versions of Unicode, so that newer characters are not in them.
const NEWER_PUNCTUATION = [
  String.raw`\u061d\u09fd-\u0a76\u0c77-\u0c84\u1b4e\u1b4f\u1b7d-\u1b7f\u2e43-\u2e5d`,
  String.raw`\u{10d6e}-\u{10f89}\u{113d4}-\u{1145d}\u{11660}-\u{116b9}\u{1183b}-\u{11fff}`,
  String.raw`\u{12ff1}\u{12ff2}\u{16d6d}-\u{16fe2}\u{1e5ff}-\u{1e95f}`,
];
const NEWER_MN = [
  String
    .raw`\u07fd\u0897-\u08e1\u09fe\u0afa-\u0aff\u0b55\u0c04-\u0c3c\u0d00\u0d3b\u0d3c\u0d81\u0eba`,
  String
    .raw`\u0ece\u180f-\u1886\u1abf-\u1ace\u1df6-\u1dfb\ua82c\ua8c5\ua8ff\ua9bd\u{10d24}-\u{10f85}`,
  String.raw`\u{11070}-\u{11074}\u{110c2}\u{111c9}\u{111cf}\u{1123e}-\u{11241}\u{1133b}`,
  String.raw`\u{113bb}-\u{1145e}\u{1182f}-\u{1612f}\u{16f4f}\u{16fe4}\u{1cf00}-\u{1cf46}`,
  String.raw`\u{1e000}-\u{1e5ef}\u{1e944}-\u{1e94a}`,
];
const NEWER_MARKS = [
  String
    .raw`\u07fd\u0897-\u08d3\u09fe\u0afa-\u0aff\u0b55\u0c04-\u0c3c\u0cf3-\u0d00\u0d3b\u0d3c\u0d81`,
  String
    .raw`\u0eba\u0ece\u1715\u180f\u1abf-\u1ace\u1cf7\u1df6-\u1dfa\ua82c\ua8ff\u{10d24}-\u{10f85}`,
  String.raw`\u{11070}-\u{11074}\u{110c2}\u{11145}\u{11146}\u{111c9}\u{111ce}\u{111cf}\u{11241}`,
  String.raw`\u{1133b}\u{113b8}-\u{113e2}\u{1145e}\u{1182c}-\u{11a99}\u{11d31}-\u{1612f}\u{16f4f}`,
  String.raw`\u{16f7f}-\u{16f87}\u{16fe4}-\u{16ff1}\u{1cf00}-\u{1cf46}\u{1e08f}-\u{1e5ef}`,
];
const older = (of: string, newer: readonly string[], changed: string) =>
  String.raw`[[[${of}]--[${newer.join("")}]]${changed}]`;

/** Punctuation of Unicode 8, and of ASCII, which has symbols such as $ and +. */
export const isPunctuation = test(
  new RegExp(
    `^${older(String.raw`\p{P}$+<=>\^\`\|~`, NEWER_PUNCTUATION, "\u166d\u{111c9}")}$`,
    "v",
  ),
);

/** Marks without width, of Unicode 8. */
export const NONSPACING_MARKS = new RegExp(
  older(String.raw`\p{Mn}`, NEWER_MN, "\u1734\u{1171e}"),
  "gv",
);

/** Marks of all kinds, of Unicode 9. */
export const MARKS = new RegExp(older(String.raw`\p{M}`, NEWER_MARKS, "\u1cf2\u1cf3"), "gv");

/** Characters of words: `\w` of Rust's regular expressions. */
export const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;

export const isWord = test(new RegExp(`^${WORD}$`, "u"));

/** Chinese characters, as BERT has them. */
export const isChinese = test(
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u,
);

/** Control characters and those of private use, but tab and line ends. */
export const isControl = test(
  /^(?![\t\n\r\u0890\u0891\u08e2\u{110cd}\u{13430}-\u{1343f}])[\p{Cc}\p{Cf}\p{Co}]$/u,
);

/** Applies a function to each character. */
export function mapCharacters(text: string, map: (character: string) => string): string {
  let result = "";
  for (const character of text) result += map(character);
  return result;
}

/** Capital letters of Unicode 17. */
const NEWER_CAPITALS = /[\ua7ce\ua7d2\ua7d4\u{16ea0}-\u{16eb8}]/gu;

/** Lower case, character by character: without the context that `toLowerCase` looks at for a final sigma. */
export function lowercase(text: string): string {
  const lower = text.includes("Σ")
    ? mapCharacters(text, (character) => character.toLowerCase())
    : text.toLowerCase();
  return lower.replace(NEWER_CAPITALS, (character) => {
    const point = character.codePointAt(0)!;
    return String.fromCodePoint(point + (point < 0x10000 ? 1 : 0x1b));
  });
}
