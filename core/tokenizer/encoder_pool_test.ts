import assert from "node:assert/strict";
import { EncoderPool, loadTokenizer } from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => Deno.readTextFileSync(new URL(name, FIXTURES));
const files = {
  "tokenizer.json": fixture("tokenizer.json"),
  "tokenizer_config.json": '{"eos_token":"<|endoftext|>"}',
};

/** Enough for several batches, with empty ones and prompts. */
const corpus = fixture("corpus.txt");
const ITEMS = Array.from({ length: 1000 }, (_, i) => ({
  name: `document ${i}`,
  text: corpus.slice(i, i + i % 7 * 500),
  prompt_length_chars: i % 3 * 20,
}));

Deno.test("documents come back in order, the same for any number of workers", async () => {
  const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  for (const workers of [1, 3]) {
    using pool = new EncoderPool(files, { workers });
    let i = 0;
    for await (const { item, ...encoded } of pool.encode(ITEMS)) {
      assert.equal(item, ITEMS[i++]);
      assert.deepEqual(encoded, tokenizer.encodeDocument(item));
    }
    assert.equal(i, ITEMS.length);
  }
});

Deno.test("conversations next to documents keep their control tokens and their answers", async () => {
  const text = "User: a<|endoftext|>Assistant: b<|endoftext|>";
  const items = Array.from(
    { length: 50 },
    (_, i) =>
      i % 2 ? { text, prompt_length_chars: 3 } : { text, answer_spans_chars: [10, 20, 30, 45] },
  );
  const config = files["tokenizer_config.json"], json = files["tokenizer.json"];
  const parsing = await loadTokenizer(json, config);
  const plain = await loadTokenizer(json, config, { parse_special_tokens: false });
  using pool = new EncoderPool(files, { workers: 2, parse_special_tokens: false });
  const given = [...items, { text: "", answer_spans_chars: [] }];
  let i = 0;
  for await (const { item, ...encoded } of pool.encode(given)) {
    assert.equal(item, given[i++]);
    const is_chat = "answer_spans_chars" in item;
    assert.deepEqual(encoded, (is_chat ? parsing : plain).encodeDocument(item));
    assert.equal(
      [...encoded.tokens].filter((id) => id === parsing.end_of_text).length,
      item.text === "" ? 0 : is_chat ? 2 : 1,
    );
  }
  assert.equal(i, given.length);
});

Deno.test("reads only a few documents ahead, and none after the loop ends", async () => {
  let read = 0, closed = false;
  const items = async function* () {
    try {
      for (;; read++) yield { text: corpus.repeat(12) }; // a batch of its own
    } finally {
      closed = true;
    }
  };
  using pool = new EncoderPool(files, { workers: 1 });
  let taken = 0;
  for await (const _ of pool.encode(items())) {
    assert.ok(read <= taken + 5, `${read} read, ${taken} taken`);
    if (++taken === 10) break;
  }
  assert.ok(closed);
});

Deno.test("a tokenizer of parts works in a pool", async () => {
  const definition = JSON.parse(files["tokenizer.json"]);
  definition.added_tokens[0].rstrip = true;
  const json = JSON.stringify(definition);
  using pool = new EncoderPool({ ...files, "tokenizer.json": json }, { workers: 1 });
  const tokenizer = await loadTokenizer(json, files["tokenizer_config.json"]);
  assert.equal(tokenizer.kind, "pipeline");
  for await (const { item, ...encoded } of pool.encode(ITEMS.slice(0, 20))) {
    assert.deepEqual(encoded, tokenizer.encodeDocument(item));
  }
});

Deno.test("errors of the documents and files, and aborts, are propagated", async () => {
  const drain = async (
    pool: EncoderPool,
    items: AsyncIterable<{ text: string }> | typeof ITEMS,
  ) => {
    for await (const _ of pool.encode(items)) { /* all */ }
  };
  using pool = new EncoderPool(files, { workers: 2 });
  const failing = async function* () {
    yield* ITEMS;
    throw new Error("row 7 is broken");
  };
  await assert.rejects(drain(pool, failing()), /row 7 is broken/);
  await drain(pool, ITEMS); // the pool goes on

  using broken = new EncoderPool({ ...files, "tokenizer.json": "{}" }, { workers: 2 });
  await assert.rejects(drain(broken, ITEMS), /no vocabulary/);

  const controller = new AbortController();
  using aborted = new EncoderPool(files, { workers: 2, signal: controller.signal });
  const aborting = async function* () {
    yield* ITEMS;
    controller.abort(new Error("stopped"));
    yield* ITEMS;
  };
  await assert.rejects(drain(aborted, aborting()), /stopped/);

  pool.close();
  await assert.rejects(drain(pool, ITEMS), /worker pool was closed/);
  assert.throws(() => new EncoderPool(files, { workers: 0 }), /got 0/);
});
