import assert from "node:assert/strict";
import { ByteLevelCodec, TokenFinder } from "./byte_level_codec.ts";
import { byteLevelDefinition } from "./definition.ts";
import { TokenBuffer } from "./buffers.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const definition = byteLevelDefinition(
  JSON.parse(Deno.readTextFileSync(new URL("tokenizer.json", FIXTURES))),
)!;

Deno.test("ids stay the same when there are more words than the cache holds", () => {
  // 20,000 distinct words of 250 bytes, more than the cache holds, among some that repeat.
  const texts = Array.from({ length: 20_000 }, (_, i) => ` the word ${i} is ${"x".repeat(245)}`)
    .map((text, i) => text + String.fromCharCode(...Array.from(String(i), (c) => Number(c) + 97)));
  const encode = (codec: ByteLevelCodec, text: string) => {
    const out = new TokenBuffer(1000);
    codec.encodeInto(new TextEncoder().encode(text), out);
    return [...out.slice()];
  };
  const codec = new ByteLevelCodec(definition);
  for (const text of texts) encode(codec, text);
  for (const i of [0, 7, 15_000, 19_999]) {
    const ids = encode(codec, texts[i]);
    assert.deepEqual(ids, encode(new ByteLevelCodec(definition), texts[i]));
    assert.equal(codec.decode(ids), texts[i]);
  }
});

/** Ids of the tokens found, in order, with the text between them. */
function split(contents: readonly string[], text: string): (number | string)[] {
  const finder = new TokenFinder(contents.map((content, id) => ({ id, content })));
  const bytes = new TextEncoder().encode(text), decoder = new TextDecoder();
  const parts: (number | string)[] = [];
  let at = 0;
  while (finder.find(bytes, at, bytes.length)) {
    if (at < finder.start) parts.push(decoder.decode(bytes.subarray(at, finder.start)));
    parts.push(finder.id);
    at = finder.end;
  }
  if (at < bytes.length) parts.push(decoder.decode(bytes.subarray(at)));
  return parts;
}

Deno.test("finds the longest of the tokens that start at the same place", () => {
  assert.deepEqual(split(["  ", "   ", "     "], "a b      c    d"), ["a b", 2, " c", 1, " d"]);
  assert.deepEqual(split(["ab", "abcd"], "abcabcd"), [0, "c", 1]);
});

Deno.test("finds the first of overlapping tokens", () => {
  assert.deepEqual(split(["bcde", "abc"], "xabcde"), ["x", 1, "de"]);
});

Deno.test("an incomplete token is text, and a token inside it is found", () => {
  assert.deepEqual(split(["<|end|>", "|e"], "<|ends<|end"), ["<", 1, "nds<", 1, "nd"]);
  assert.deepEqual(split(["é", "日本"], "e日é日本"), ["e日", 0, 1]);
});

Deno.test("finds nothing without tokens", () => {
  assert.ok(new TokenFinder([]).is_empty);
  assert.deepEqual(split([], "text"), ["text"]);
});
