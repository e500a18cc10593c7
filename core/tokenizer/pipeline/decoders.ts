/**
 * Decoders of `tokenizer.json`: tokens to text.
 *
 * @module
 */
import { CHARACTER_BYTES } from "../byte_level.ts";
import {
  choice,
  flag,
  make,
  type Makers,
  type Part,
  parts,
  textSetting,
  wholeNumber,
} from "./settings.ts";
import { regexSetting } from "./split.ts";

/** Tokens to pieces of text, which are joined. */
export type TokenDecoder = (tokens: string[]) => string[];

/** @throws {Error} for a decoder that is not supported. */
export function makeDecoder(part: Part): TokenDecoder {
  return make("decoder", part, DECODERS);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict_decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const encoder = new TextEncoder();

const DECODERS: Makers<TokenDecoder> = {
  BPEDecoder(part) {
    const suffix = textSetting(part, "suffix", "</w>");
    return (tokens) =>
      tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? "" : " "));
  },
  ByteFallback: () => byteFallback,
  ByteLevel: () => (tokens) => {
    const bytes: number[] = [];
    for (const token of tokens) for (const byte of tokenBytes(token)) bytes.push(byte);
    return [decoder.decode(Uint8Array.from(bytes))];
  },
  CTC(part) {
    const pad = textSetting(part, "pad_token", "<pad>");
    const delimiter = textSetting(part, "word_delimiter_token", "|");
    const cleanup = flag(part, "cleanup", true);
    return (tokens) =>
      tokens.filter((token, i) => token !== tokens[i - 1]).map((token) => {
        const text = token.replaceAll(pad, "");
        return cleanup ? cleanedUp(text).replaceAll(delimiter, " ") : text;
      }).filter((text) => text !== "");
  },
  Fuse: () => (tokens) => [tokens.join("")],
  Metaspace(part) {
    const replacement = textSetting(part, "replacement", "▁");
    const scheme = choice(part, "prepend_scheme", ["always", "first", "never"], "always");
    const keeps = scheme === "never" || part.add_prefix_space === false;
    return (tokens) =>
      tokens.map((token, i) => token.replaceAll(replacement, i > 0 || keeps ? " " : ""));
  },
  Replace(part) {
    const regex = regexSetting(part), content = textSetting(part, "content");
    return (tokens) => tokens.map((token) => token.replaceAll(regex, () => content));
  },
  Sequence(part) {
    const steps = parts(part, "decoders").map(makeDecoder);
    return (tokens) => steps.reduce((tokens, step) => step(tokens), tokens);
  },
  Strip(part) {
    const content = textSetting(part, "content");
    const start = wholeNumber(part, "start", 0), stop = wholeNumber(part, "stop", 0);
    return (tokens) => tokens.map((token) => stripped(token, content, start, stop));
  },
  WordPiece(part) {
    const prefix = textSetting(part, "prefix", "##"), cleanup = flag(part, "cleanup", true);
    return (tokens) =>
      tokens.map((token, i) => {
        const is_part = token.startsWith(prefix);
        const text = i === 0 ? token : is_part ? token.slice(prefix.length) : ` ${token}`;
        return cleanup ? cleanedUp(text) : text;
      });
  },
};

/** The bytes of a token: decoded from the byte alphabet, or its own UTF-8 if any character is not in the alphabet. */
export function tokenBytes(token: string): Iterable<number> {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = CHARACTER_BYTES.get(character);
    if (byte === undefined) return encoder.encode(token);
    bytes.push(byte);
  }
  return bytes;
}

/** Runs of tokens such as `<0x0A>` become text; each byte becomes U+FFFD if the run is not UTF-8. */
function byteFallback(tokens: string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      result.push(strict_decoder.decode(Uint8Array.from(bytes)));
    } catch {
      result.push(...bytes.map(() => "\ufffd"));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

/** Without up to `start` of a character at the start, and up to `stop` at the end. */
function stripped(token: string, content: string, start: number, stop: number): string {
  const all = Array.from(token);
  let first = 0, end = all.length;
  while (first < Math.min(start, all.length) && all[first] === content) first++;
  while (all.length - end < stop && end > 0 && all[end - 1] === content) end--;
  return all.slice(first, Math.max(first, end)).join("");
}

/** English punctuation and contractions without the blank before them. */
function cleanedUp(text: string): string {
  return text.replaceAll(" .", ".").replaceAll(" ?", "?").replaceAll(" !", "!")
    .replaceAll(" ,", ",").replaceAll(" ' ", "'").replaceAll(" n't", "n't").replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't").replaceAll(" 's", "'s").replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
