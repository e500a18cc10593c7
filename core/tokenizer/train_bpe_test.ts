import assert from "node:assert/strict";
import { trainByteLevelBpe } from "./train_bpe.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => Deno.readTextFileSync(new URL(name, FIXTURES));
const samplesOf = (corpus: string) => fixture(corpus).split("\n\n\n");
const samples = samplesOf("corpus.txt");
const special_tokens = ["<|endoftext|>"];

interface Trained {
  corpus: string;
  vocab_size: number;
  min_frequency: number;
  size: number;
  merges: [string, string][];
}

for (const expected of JSON.parse(fixture("trained.json")) as Trained[]) {
  const { corpus, vocab_size, min_frequency } = expected;
  Deno.test(`learns the merges of the Rust trainer: ${corpus}, ${vocab_size} tokens, at least ${min_frequency}`, async () => {
    const options = { vocab_size, min_frequency, special_tokens };
    const model = await trainByteLevelBpe(samplesOf(corpus), options);
    assert.equal(model.vocabulary.length, expected.size);
    assert.deepEqual(model.merges.slice(-expected.merges.length), expected.merges);
  });
}

Deno.test("learns the same vocabulary as the Rust trainer, in the same order", async () => {
  const { vocab, merges } = JSON.parse(fixture("tokenizer.json")).model;
  const model = await trainByteLevelBpe(samples, {
    vocab_size: 1000,
    min_frequency: 2,
    special_tokens,
  });
  assert.deepEqual(Object.fromEntries(model.vocabulary.map((token, id) => [token, id])), vocab);
  assert.deepEqual(model.merges, merges);
});

Deno.test("training does not depend on the order of texts, or on splitting them at word ends", async () => {
  const options = { vocab_size: 300, special_tokens: [] };
  const forwards = await trainByteLevelBpe(["the cat", " sat on", " the mat"], options);
  const backwards = await trainByteLevelBpe([" the mat", " sat on", "the cat"], options);
  assert.deepEqual(forwards, backwards);
});

Deno.test("training does not depend on the number of workers", async () => {
  const texts = Array.from({ length: 40 }, (_, i) => samples.slice(i % 5).join(" ").repeat(2));
  const learn = (workers: number) =>
    trainByteLevelBpe(texts, { vocab_size: 500, special_tokens, workers });
  assert.deepEqual(await learn(1), await learn(3));
});

Deno.test("invalid options give an error with the fix", async () => {
  const train = (vocab_size: number, texts = ["text"]) =>
    trainByteLevelBpe(texts, { vocab_size, special_tokens });
  await assert.rejects(train(256), /from 257 \(special tokens and bytes\) to 4194304/);
  await assert.rejects(train(5_000_000), RangeError);
  await assert.rejects(train(300, []), /no training texts to train/);
});
