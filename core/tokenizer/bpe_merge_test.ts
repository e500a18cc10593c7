import assert from "node:assert/strict";
import { type Merge, WordMerger } from "./bpe_merge.ts";
import { BYTE_CHARACTERS } from "./byte_level.ts";
import { TokenBuffer } from "./buffers.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);

interface Ambiguous {
  vocab: Record<string, number>;
  merges: [string, string][];
  texts: string[];
  ids: number[][];
}

function encode(merger: WordMerger, word: string): number[] {
  const bytes = new TextEncoder().encode(word), out = new TokenBuffer(1000);
  merger.encode(bytes, 0, bytes.length, out);
  return [...out.slice()];
}

Deno.test("merges like the Rust tokenizer, including when several merges produce the same token", () => {
  const fixture: Ambiguous = JSON.parse(
    Deno.readTextFileSync(new URL("ambiguous.json", FIXTURES)),
  );
  const { vocab, texts, ids } = fixture;
  const merges = fixture.merges.map(([left, right]): Merge => [
    vocab[left],
    vocab[right],
    vocab[left + right],
  ]);
  assert.ok(new Set(merges.map(([, , merged]) => merged)).size < merges.length);
  const merger = new WordMerger(BYTE_CHARACTERS.map((character) => vocab[character]), merges);
  for (const [i, text] of texts.entries()) assert.deepEqual(encode(merger, text), ids[i], text);
});

Deno.test("time is linear in the length of a word, not quadratic", () => {
  // aa, aaaa, aaaaaaaa, … : every merge of a long run.
  const merges = Array.from({ length: 10 }, (_, i): Merge => {
    const part = i === 0 ? 97 : 255 + i;
    return [part, part, 256 + i];
  });
  const merger = new WordMerger(Array.from({ length: 256 }, (_, byte) => byte), merges);
  const length = 2 ** 20 + 3;
  const ids = encode(merger, "a".repeat(length)); // quadratic, this would take hours
  assert.deepEqual(ids.slice(0, 2), [265, 265]);
  assert.deepEqual(ids.slice(-2), [256, 97]);
  assert.equal(ids.length, 2 ** 10 + 2);
});
