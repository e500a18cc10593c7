import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { wordEnd } from "./byte_level.ts";

/** The pattern of GPT-2, with the white space of Rust's and Python's regular expressions. */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function splitWords(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const words: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = wordEnd(bytes, at, bytes.length);
    words.push(decoder.decode(bytes.subarray(at, end)));
    at = end;
  }
  return words;
}

Deno.test("splits like the regular expression, for every code point", () => {
  for (let start = 0; start < 0x11_0000; start += 0x1000) {
    let text = "";
    for (let point = start; point < start + 0x1000; point++) {
      if (point >= 0xd800 && point < 0xe000) continue;
      text += String.fromCodePoint(point) + " a1!\n\u00a0"[point % 6];
    }
    assert.deepEqual(splitWords(text), text.match(WORDS) ?? [], start.toString(16));
  }
});

Deno.test("splits random text like the regular expression", () => {
  const pieces = [
    ..." \t\n'stremvldSab12½,.-🙂é你\u00a0\u0085\u3000\ufeff\u0301",
    "  ",
    "'ll",
    "'re",
  ];
  const random = new Random(0, "words", 0);
  for (let i = 0; i < 3000; i++) {
    const length = random.below(30);
    const text = Array.from({ length }, () => pieces[random.below(pieces.length)]).join("");
    assert.deepEqual(splitWords(text), text.match(WORDS) ?? [], JSON.stringify(text));
  }
});

Deno.test("splits a part independently of the text around it", () => {
  const bytes = new TextEncoder().encode("x  y");
  assert.equal(wordEnd(bytes, 1, 4), 2); // one blank is left to y
  assert.equal(wordEnd(bytes, 1, 3), 3); // both end the text
  assert.equal(wordEnd(new TextEncoder().encode("'s"), 0, 1), 1);
});
