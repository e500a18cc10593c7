import assert from "node:assert/strict";
import { loadTokenizer, tokenizerFiles, trainByteLevelBpe } from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => Deno.readTextFileSync(new URL(name, FIXTURES));
const CONFIG = '{"eos_token":"<|endoftext|>"}';
const encodings: { text: string; ids: number[] }[] = JSON.parse(fixture("encodings.json"));

Deno.test("gives the ids of the Rust tokenizer, and the text back", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  assert.equal(tokenizer.vocab_size, 1000);
  assert.equal(tokenizer.end_of_text, 0);
  for (const { text, ids } of encodings) {
    assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    assert.equal(tokenizer.decode(ids), text);
  }
});

Deno.test("gives the same ids with and without the cache by word", async () => {
  const cached = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  const definition = JSON.parse(fixture("tokenizer.json"));
  definition.added_tokens[0].rstrip = true; // rules the cache out
  const plain = await loadTokenizer(JSON.stringify(definition), CONFIG);
  const corpus = fixture("corpus.txt");
  assert.deepEqual(cached.encode(corpus), plain.encode(corpus));
});

Deno.test("written files load again, and hold what was learned", async () => {
  const model = await trainByteLevelBpe([fixture("corpus.txt")], {
    vocab_size: 600,
    special_tokens: ["<|endoftext|>"],
  });
  const files = tokenizerFiles(model);
  const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  assert.equal(tokenizer.vocab_size, 600);
  assert.deepEqual(tokenizer.encode("<|endoftext|>"), [0]);
  const ids = tokenizer.encode("Größe 🙂\n\tx");
  assert.equal(tokenizer.decode(ids), "Größe 🙂\n\tx");
});

Deno.test("unusable files are refused with the reason", async () => {
  const json = fixture("tokenizer.json");
  await assert.rejects(() => loadTokenizer("{", CONFIG), /tokenizer\.json is not valid JSON/);
  await assert.rejects(() => loadTokenizer("{}", CONFIG), /no model with a vocabulary/);
  await assert.rejects(() => loadTokenizer(json, "{}"), /names no eos_token/);
  await assert.rejects(() => loadTokenizer(json, '{"eos_token":"</s>"}'), /not in the vocabulary/);
});
