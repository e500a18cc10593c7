/**
 * Unicode normalization forms as Hugging Face's Rust tokenizers compute them.
 *
 * @module
 */

/**
 * Characters newer than Unicode 9.0, whose tables the Rust library uses, that take part in normalization: marks with a
 * combining class, and composed characters. In Unicode 9.0 they are unassigned, so they stay unchanged, and nothing is
 * reordered or composed across them.
 */
const UNKNOWN_TO_RUST = new RegExp(
  `([${
    [
      String.raw`\u07fd\u0897-\u089f\u08ca-\u08d3\u09fe\u0c3c\u0d3b\u0d3c\u0eba\u1715`,
      String.raw`\u1abf-\u1ace\u1df6-\u1dfa\ua82c\u{105c9}\u{105d2}\u{105da}\u{105e4}`,
      String.raw`\u{10d24}-\u{10d27}\u{10d69}-\u{10d6d}\u{10eab}\u{10eac}\u{10efd}-\u{10eff}`,
      String.raw`\u{10f46}-\u{10f50}\u{10f82}-\u{10f85}\u{11070}\u{1133b}\u{11382}-\u{11385}`,
      String.raw`\u{1138b}\u{1138e}\u{11390}\u{11391}\u{113b8}\u{113bb}\u{113c2}\u{113c5}`,
      String.raw`\u{113c7}-\u{113c9}\u{113ce}-\u{113d0}\u{1145e}\u{11839}\u{1183a}\u{11930}`,
      String.raw`\u{11935}\u{11938}\u{1193d}\u{1193e}\u{11943}\u{119e0}\u{11a34}\u{11a47}`,
      String.raw`\u{11a99}\u{11d42}\u{11d44}\u{11d45}\u{11d97}\u{11f41}\u{11f42}`,
      String.raw`\u{1611e}-\u{16129}\u{1612f}\u{16d63}\u{16d67}-\u{16d6a}\u{16ff0}\u{16ff1}`,
      String.raw`\u{1e08f}\u{1e130}-\u{1e136}\u{1e2ae}\u{1e2ec}-\u{1e2ef}\u{1e4ec}-\u{1e4ef}`,
      String.raw`\u{1e5ee}\u{1e5ef}`,
    ].join("")
  }]+)`,
  "u",
);

/** Characters newer than Unicode 9.0 that NFKC and NFKD replace by others today. */
const UNKNOWN_COMPATIBLE = new RegExp(
  `([\u32ff\ua7f2-\ua7f4\uab69\u{10781}-\u{107ba}\u{1ccd6}-\u{1ccf9}\u{1e030}-\u{1e06d}\u{1f16c}` +
    `\u{1fbf0}-\u{1fbf9}]+)`,
  "u",
);

/** A normalization form. */
export type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

/** The form of a text. */
export function normalizeForm(text: string, form: Form): string {
  const normalized = text.normalize(form);
  if (normalized === text) return text;
  const replaced = form.startsWith("NFK") && UNKNOWN_COMPATIBLE.test(text);
  if (replaced) return between(text, UNKNOWN_COMPATIBLE, (part) => normalizeForm(part, form));
  if (!UNKNOWN_TO_RUST.test(text)) return normalized;
  return between(text, UNKNOWN_TO_RUST, (part) => part.normalize(form));
}

/** Applies a function to what is between the matches of a pattern with one group. */
function between(text: string, pattern: RegExp, map: (part: string) => string): string {
  const parts = text.split(pattern); // odd parts are matches of the group
  return parts.map((part, i) => i % 2 === 1 ? part : map(part)).join("");
}

/** The NFC form of a text. */
export function normalizeNfc(text: string): string {
  return normalizeForm(text, "NFC");
}

/** Characters below U+0300 are already composed; their UTF-8 lead bytes are below this one. */
const FIRST_BYTE_OF_U_0300 = 0xcc;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** The NFC form of UTF-8 text; the array itself if nothing changes. */
export function normalizeNfcUtf8(bytes: Uint8Array): Uint8Array {
  if (isBelow(bytes, FIRST_BYTE_OF_U_0300)) return bytes;
  const text = decoder.decode(bytes);
  const normalized = normalizeNfc(text);
  return normalized === text ? bytes : encoder.encode(normalized);
}

function isBelow(bytes: Uint8Array, limit: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] >= limit) return false;
  return true;
}
