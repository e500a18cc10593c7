/**
 * Texts that are easy to get wrong: every script and kind of white space, marks, emoji, long runs, added tokens.
 *
 * @module
 */
import { Random } from "../../core/random/mod.ts";

const FRAGMENTS = [
  ..." \t\n\r\u000b\u000c\u001c\u0085\u00a0\u1680\u2000\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff",
  ...[
    "  ",
    "   ",
    "\r\n",
    "\n\n",
    "\n    ",
    "\t\t",
    " ".repeat(24),
    " ".repeat(25),
    " ".repeat(53),
  ],
  ...["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "''", "'", "’s", "'l", "'r", "'v"],
  ...["the", " The", " of", "word", "Straße", "naïve", "ﬁ", "Ångström", "e\u0301", "\u1e69"],
  ...["1", "23", " 456", "½", "²", "٣", "Ⅷ", "𝟘", "1,000.5", "0xFF", "(", "))", " {", "};", "->"],
  ...["!=", "...", "—", "“", "”", "/*", "*/", "#", "\\n", "__init__", "<", ">", "<|", "|>"],
  ...["<|endoftext|>", "<|padding|>", "<|endoftext|", "<|endoftext|>\u0338", "\u0301<|padding|>"],
  ...["🙂", "👩‍👩‍👧‍👦", "🇩🇪", "🇫", "👍🏽", "☃️", "𝒳", "\u{10ffff}", "\ue000", "\u0000", "\u007f"],
  ...["你好", "世界。", "日本語の", "テキスト", "한국어", "\u1112\u1161\u11ab", "שלום", "مرحبا"],
  ...[
    "नमस्ते",
    "ไทย",
    "தமிழ்",
    "Привет",
    "Ελλάδα",
    "ქართული",
    "አማርኛ",
    "ខ្មែរ",
    "𐌰𐌹𐌸𐌸𐌰𐌿",
    "\u0f71\u0f74",
  ],
];

/** Marks, and what was added to Unicode after 9.0, where the normalizations of libraries differ. */
const MARKS = [
  ..."\u0300\u0301\u0307\u0308\u0323\u0327\u0334\u0338\u0345\u035c\u0591\u05b4\u064b\u0651\u093c",
  ..."\u07fd\u0898\u08ca\u0c3c\u0eba\u1abf\u1df6\u1dfa\u{105d2}\u{11382}\u{113c9}\u{11930}\u{11935}",
];

/**
 * Makes texts, the same for the same seed.
 *
 * @param bytes about this many, in UTF-8.
 */
export function oddTexts(seed: number, bytes: number): string[] {
  const texts = [...longRuns()];
  const encoder = new TextEncoder();
  for (let i = 0, done = 0; done < bytes; i++) {
    const random = new Random(seed, "bench/tokenizer", i);
    const length = 1 + random.below(400);
    let text = "";
    for (let piece = 0; piece < length; piece++) text += randomPiece(random, i);
    if (i % 5 === 0) text = text.normalize("NFD");
    texts.push(text);
    done += encoder.encode(text).length;
  }
  return texts;
}

function randomPiece(random: Random, i: number): string {
  const kind = random.below(20);
  if (kind === 0) return character(random.below(0x11_0000));
  // A script of its own for each text.
  if (kind < 4) return character((i * 97 & 0x1ff) * 0x80 + random.below(0x80));
  if (kind < 6) return MARKS[random.below(MARKS.length)];
  const fragment = FRAGMENTS[random.below(FRAGMENTS.length)];
  return kind === 6 ? fragment.repeat(1 + random.below(30)) : fragment;
}

function character(point: number): string {
  return point >= 0xd800 && point < 0xe000 ? "\ufffd" : String.fromCodePoint(point);
}

/** Every code point once, among others of each class, and words that a quadratic algorithm would not end with. */
function* longRuns(): Generator<string> {
  for (let plane = 0; plane < 17; plane++) {
    for (let start = 0; start < 0x1_0000; start += 0x1000) {
      const points = Array.from(
        { length: 0x1000 },
        (_, i) => character(plane * 0x1_0000 + start + i),
      );
      yield points.join("");
      yield points.map((point, i) => point + " a1!\n"[i % 5]).join("");
    }
  }
  yield "a".repeat(1_000_000);
  yield "ab".repeat(200_000);
  yield " ".repeat(300_000);
  yield "\n".repeat(100_000) + "x";
  yield "=-".repeat(100_000);
  yield "е\u0301".repeat(50_000);
}
