import assert from "node:assert/strict";
import { firstCharacters, firstWords, loadTokenizer, textPrefix } from "./mod.ts";

const file = (name: string) =>
  Deno.readTextFile(new URL(`../../tests/fixtures/tokenizer/${name}`, import.meta.url));
const tokenizer = await loadTokenizer(
  await file("tokenizer.json"),
  JSON.stringify({ eos_token: "<|endoftext|>" }),
);

Deno.test("characters are code points, and words what white space separates", () => {
  assert.equal(firstCharacters(3)("a😀bc"), "a😀b");
  assert.equal(firstCharacters(4)("a😀bc"), undefined);
  assert.equal(firstCharacters(1)(""), undefined);
  assert.equal(firstWords(2)("  one\n two\tthree"), "  one\n two");
  assert.equal(firstWords(2)("one two "), "one two");
  assert.equal(firstWords(2)("one two"), undefined);
  assert.equal(firstWords(3)("one two "), undefined);
});

Deno.test("a text that is cut is tokenized again, however far the cut is", async () => {
  const text = await file("corpus.txt"), ids = tokenizer.encode(text);
  for (const count of [1, 7, 300, 9_999, [...text].length - 1]) {
    const cut = firstCharacters(count);
    const prefix = textPrefix(ids.length, (n) => ids.subarray(0, n), cut, tokenizer);
    assert.deepEqual(prefix, tokenizer.encode(cut(text)!), `${count} characters`);
  }
  const all = textPrefix(ids.length, (n) => ids.subarray(0, n), firstWords(1e6), tokenizer);
  assert.equal(all, undefined);
});

Deno.test("no more of a document is read than its cut needs, even if that ends within a character", () => {
  const text = "word 😀 ".repeat(4_000), ids = tokenizer.encode(text);
  let read = 0;
  for (let count = 1; count < 700; count += 13) {
    const cut = firstCharacters(count);
    const prefix = textPrefix(
      ids.length,
      (n) => {
        read = Math.max(read, n);
        return ids.subarray(0, n);
      },
      cut,
      tokenizer,
    );
    assert.deepEqual(prefix, tokenizer.encode(cut(text)!), `${count} characters`);
  }
  assert.ok(read < ids.length / 4, `${read} of ${ids.length} tokens`);
});
