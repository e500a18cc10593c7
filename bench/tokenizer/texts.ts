/**
 * The texts that both sides tokenize: read from files or from the datasets of the project, and synthetic ones that
 * are easy to get wrong.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { Random } from "@causeway/core/random";

/** Plain text is cut at line ends into pieces of about this many UTF-16 units, the size of a web page. */
const PIECE = 8000;

/**
 * Reads texts. In JSON Lines (`.jsonl`, `.jsonl.gz`) every string of a row is a text, whatever its column; other files
 * are cut into pieces; folders are read recursively, without files that are not UTF-8.
 *
 * @param paths files and folders; undefined for the datasets of the project
 * @param max_bytes limit in UTF-8
 */
export async function readTexts(
  paths: readonly string[] | undefined,
  max_bytes: number,
): Promise<string[]> {
  const texts: string[] = [];
  const encoder = new TextEncoder();
  let bytes = 0;
  for await (const text of paths === undefined ? ownTexts() : textsOf(paths)) {
    bytes += encoder.encode(text).length;
    if (bytes > max_bytes) break;
    texts.push(text.toWellFormed());
  }
  if (texts.length === 0) throw new Error("--text: no texts found");
  return texts;
}

async function* ownTexts(): AsyncGenerator<string> {
  const { PACKAGE_CARDS } = await import("@causeway/datasets");
  for (const card of PACKAGE_CARDS) {
    for await (const { text } of card.documents()) yield text;
  }
}

function* textsOf(paths: readonly string[]): Generator<string> {
  for (const path of paths) {
    if (!Deno.statSync(path).isDirectory) yield* textsOfFile(path);
    else {
      const names = Array.from(Deno.readDirSync(path), ({ name }) => join(path, name)).sort();
      yield* textsOf(names);
    }
  }
}

function* textsOfFile(path: string): Generator<string> {
  const content = Deno.readFileSync(path);
  const text = decode(path.endsWith(".gz") ? gunzipSync(content) : content);
  if (text === undefined) return;
  if (/\.jsonl(\.gz)?$/.test(path)) {
    for (const line of text.split("\n")) if (line !== "") yield* strings(JSON.parse(line));
  } else {
    for (let at = 0; at < text.length;) {
      const line_end = text.indexOf("\n", at + PIECE);
      const end = line_end < 0 ? text.length : line_end + 1;
      yield text.slice(at, end);
      at = end;
    }
  }
}

/** Undefined if the bytes are not UTF-8. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function* strings(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) yield* strings(part);
  }
}

/** Writes texts for a child process: for each the length of its UTF-8 as uint32, then the UTF-8. */
export function writeTexts(file: string, texts: readonly string[]): void {
  const encoder = new TextEncoder();
  const parts = texts.map((text) => encoder.encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  Deno.writeFileSync(file, bytes);
}

/** Reads a file of {@linkcode writeTexts}. */
export function readPackedTexts(file: string): string[] {
  const bytes = Deno.readFileSync(file), view = new DataView(bytes.buffer);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at, true);
    texts.push(decoder.decode(bytes.subarray(at + 4, at += 4 + length)));
  }
  return texts;
}

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

/** Combining marks, and characters added after Unicode 9.0, which libraries normalize differently. */
const MARKS = [
  ..."\u0300\u0301\u0307\u0308\u0323\u0327\u0334\u0338\u0345\u035c\u0591\u05b4\u064b\u0651\u093c",
  ..."\u07fd\u0898\u08ca\u0c3c\u0eba\u1abf\u1df6\u1dfa\u{105d2}\u{11382}\u{113c9}\u{11930}\u{11935}",
];

/**
 * Synthetic texts that are easy to get wrong: every script and kind of white space, marks, emoji, long runs, added
 * tokens. Equal for equal seeds.
 *
 * @param bytes approximate size in UTF-8
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
  // Each text has its own script.
  if (kind < 4) return character((i * 97 & 0x1ff) * 0x80 + random.below(0x80));
  if (kind < 6) return MARKS[random.below(MARKS.length)];
  const fragment = FRAGMENTS[random.below(FRAGMENTS.length)];
  return kind === 6 ? fragment.repeat(1 + random.below(30)) : fragment;
}

function character(point: number): string {
  return point >= 0xd800 && point < 0xe000 ? "\ufffd" : String.fromCodePoint(point);
}

/** Every code point, also between characters of each class, and words that take a quadratic algorithm forever. */
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
