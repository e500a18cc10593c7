import assert from "node:assert/strict";
import { TokenFinder } from "./added_tokens.ts";

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

Deno.test("of tokens that begin at one place the longest is found", () => {
  assert.deepEqual(split(["  ", "   ", "     "], "a b      c    d"), ["a b", 2, " c", 1, " d"]);
  assert.deepEqual(split(["ab", "abcd"], "abcabcd"), [0, "c", 1]);
});

Deno.test("of tokens that overlap the one that begins first is found", () => {
  assert.deepEqual(split(["bcde", "abc"], "xabcde"), ["x", 1, "de"]);
});

Deno.test("a token that is only begun is text, and one within it is found", () => {
  assert.deepEqual(split(["<|end|>", "|e"], "<|ends<|end"), ["<", 1, "nds<", 1, "nd"]);
  assert.deepEqual(split(["é", "日本"], "e日é日本"), ["e日", 0, 1]);
});

Deno.test("without tokens nothing is found", () => {
  assert.ok(new TokenFinder([]).is_empty);
  assert.deepEqual(split([], "text"), ["text"]);
});
