/**
 * Normalizers of `tokenizer.json`: text to text.
 *
 * @module
 */
import { BYTE_CHARACTERS } from "../byte_level.ts";
import { type Form, normalizeForm } from "../nfc.ts";
import { precompiled } from "./precompiled.ts";
import { flag, make, type Makers, type Part, parts, textSetting } from "./settings.ts";
import { regexSetting } from "./split.ts";
import {
  isChinese,
  isControl,
  isSpace,
  lowercase,
  mapCharacters,
  MARKS,
  NONSPACING_MARKS,
} from "./unicode.ts";

/** Text to text. */
export type Normalizer = (text: string) => string;

/** @throws {Error} for a normalizer that is not supported. */
export function makeNormalizer(part: Part): Normalizer {
  return make("normalizer", part, NORMALIZERS);
}

const form = (form: Form) => (text: string) => normalizeForm(text, form);

const NORMALIZERS: Makers<Normalizer> = {
  BertNormalizer: bertNormalizer,
  ByteLevel: () => byteCharacters,
  Lowercase: () => lowercase,
  NFC: () => form("NFC"),
  NFD: () => form("NFD"),
  NFKC: () => form("NFKC"),
  NFKD: () => form("NFKD"),
  Nmt: () => (text) => text.replace(NMT_REMOVED, "").replace(NMT_SPACES, " "),
  Precompiled: (part) => precompiled(textSetting(part, "precompiled_charsmap", "")),
  Prepend(part) {
    const prepend = textSetting(part, "prepend");
    return (text) => text === "" ? "" : prepend + text;
  },
  Replace(part) {
    const regex = regexSetting(part), content = textSetting(part, "content");
    return (text) => text.replaceAll(regex, () => content);
  },
  Sequence(part) {
    const steps = parts(part, "normalizers").map(makeNormalizer);
    return (text) => steps.reduce((text, step) => step(text), text);
  },
  Strip(part) {
    const left = flag(part, "strip_left", true), right = flag(part, "strip_right", true);
    return (text) => {
      const begun = left ? text.replace(/^\p{White_Space}+/u, "") : text;
      return right ? begun.slice(0, lastCharacter(begun)) : begun;
    };
  },
  StripAccents: () => (text) => text.replace(MARKS, ""),
};

/** End of the last character that is not white space. All white space is in the Basic Multilingual Plane. */
function lastCharacter(text: string): number {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1])) end--;
  return end;
}

const encoder = new TextEncoder();

/** UTF-8, each byte as a character of the byte alphabet. */
export function byteCharacters(text: string): string {
  if (/^[!-~]*$/.test(text)) return text;
  let result = "";
  for (const byte of encoder.encode(text)) result += BYTE_CHARACTERS[byte];
  return result;
}

function bertNormalizer(part: Part): Normalizer {
  const clean = flag(part, "clean_text", true), chinese = flag(part, "handle_chinese_chars", true);
  const lower = flag(part, "lowercase", true), strip = flag(part, "strip_accents", lower);
  return (text) => {
    if (clean) text = mapCharacters(text, cleaned);
    if (chinese) text = mapCharacters(text, (c) => isChinese(c) ? ` ${c} ` : c);
    if (strip) text = normalizeForm(text, "NFD").replace(NONSPACING_MARKS, "");
    return lower ? lowercase(text) : text;
  };
}

function cleaned(character: string): string {
  if (character === "\0" || character === "\ufffd" || isControl(character)) return "";
  return isSpace(character) ? " " : character;
}

/** Control characters that the normalizer of SentencePiece's NMT rules removes, and those that it makes blanks. */
// deno-lint-ignore no-control-regex
const NMT_REMOVED = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const NMT_SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;
