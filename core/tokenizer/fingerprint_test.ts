import assert from "node:assert/strict";
import { tokenizerFingerprint } from "./mod.ts";

const FILE = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [{ id: 0, content: "<eos>", special: true, normalized: false }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
  post_processor: null,
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    unk_token: null,
    byte_fallback: false,
    vocab: { "<eos>": 0, a: 1, b: 2, ab: 3 },
    merges: ["a b"],
  },
};

const of = (change: object = {}) => tokenizerFingerprint(JSON.stringify({ ...FILE, ...change }));

Deno.test("the same tokenizer has the same fingerprint, however its file is written", () => {
  assert.equal(tokenizerFingerprint(JSON.stringify(FILE, null, 2)), of());
  assert.equal(of({ padding: { strategy: "BatchLongest" }, post_processor: { type: "X" } }), of());
  // As transformers saves a GPT-NeoX tokenizer.
  const padding = { id: 4, content: "<|padding|>", special: true };
  assert.equal(
    of({ added_tokens: [...FILE.added_tokens, padding], normalizer: { type: "NFC" } }),
    of(),
  );
  assert.equal(of({ model: { ...FILE.model, continuing_subword_prefix: "" } }), of());
  const { unk_token: _, byte_fallback: __, ...model } = FILE.model;
  assert.equal(of({ model: { ...model, merges: [["a", "b"]] } }), of());
  assert.equal(of({ model: { ...model, vocab: { ab: 3, b: 2, a: 1, "<eos>": 0 } } }), of());
});

Deno.test("a tokenizer that gives other ids has another fingerprint", () => {
  const { model } = FILE;
  const others = [
    of({ model: { ...model, vocab: { "<eos>": 0, a: 2, b: 1, ab: 3 } } }),
    of({ model: { ...model, merges: [] } }),
    of({ normalizer: { type: "Lowercase" } }),
    of({ pre_tokenizer: { type: "ByteLevel", add_prefix_space: true } }),
  ];
  assert.equal(new Set([of(), ...others]).size, 5);
});

Deno.test("what is not a tokenizer has no fingerprint", () => {
  for (const text of ["", "[]", "{}", '{"model": null}']) {
    assert.equal(tokenizerFingerprint(text), undefined);
  }
});
