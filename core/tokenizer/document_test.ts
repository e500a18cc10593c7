import assert from "node:assert/strict";
import { decodeAfter, EncoderPool, loadTokenizer, setBos, type TokenizerFiles } from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => Deno.readTextFileSync(new URL(name, FIXTURES));

const TOKENS = [
  "<unk>",
  "<s>",
  "</s>",
  "▁",
  "4",
  "d",
  "e",
  "f",
  "▁d",
  "▁de",
  "▁def",
  ":",
  "▁a",
  "a",
  "\n",
  "x",
  "▁x",
];
const MERGES = ["▁ d", "▁d e", "▁de f", "▁ a", "▁ x"];

/** Like Llama 2's: a blank before every text, which its decoder drops. */
function llama(more: object = {}, settings: object = {}): TokenizerFiles {
  const definition = {
    added_tokens: ["<unk>", "<s>", "</s>"].map((content, id) => ({
      id,
      content,
      special: true,
      normalized: false,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
      merges: MERGES,
    },
    ...more,
  };
  const config = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", ...settings };
  return {
    "tokenizer.json": JSON.stringify(definition),
    "tokenizer_config.json": JSON.stringify(config),
  };
}

const load = (files: TokenizerFiles) =>
  loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
const named = (ids: ArrayLike<number>) => Array.from(ids, (id) => TOKENS[id]);

Deno.test("an answer gets the tokens that it has in the whole text", async () => {
  const tokenizer = await load(llama());
  for (
    const [prompt, answer, wanted, prompt_length] of [
      // Not "▁", "4", as the answer has by itself.
      ["a:\n", "4", ["▁a", ":", "\n", "4", "</s>"], 3],
      ["a:\n", "def", ["▁a", ":", "\n", "d", "e", "f", "</s>"], 3],
      // The blank is part of the answer's first token: that token is not masked.
      ["a: ", "def", ["▁a", ":", "▁def", "</s>"], 2],
      ["a: ", "4", ["▁a", ":", "▁", "4", "</s>"], 3],
      ["", "a", ["▁a", "</s>"], 0],
      ["a", "", ["▁a", "</s>"], 1],
    ] as const
  ) {
    const document = { text: prompt + answer, prompt_length_chars: prompt.length };
    const encoded = tokenizer.encodeDocument(document);
    assert.deepEqual(named(encoded.tokens), wanted);
    assert.deepEqual(
      [...encoded.loss_spans],
      [prompt_length, wanted.length],
      JSON.stringify([prompt, answer]),
    );
    using pool = new EncoderPool(llama(), { workers: 1 });
    for await (const { item: _, ...pooled } of pool.encode([document])) {
      assert.deepEqual(pooled, encoded);
    }
  }
});

Deno.test("a prompt to answer leaves out the end that a word after it would change", async () => {
  const tokenizer = await load(llama());
  const open = tokenizer.encodeOpenPrompt("a: ");
  assert.deepEqual([named(open.tokens), open.left_out], [["▁a", ":"], " "]);
  assert.deepEqual(tokenizer.encodeOpenPrompt("a:"), {
    tokens: [...tokenizer.encode("a:")],
    left_out: "",
  });
  const english = await load({
    "tokenizer.json": fixture("tokenizer.json"),
    "tokenizer_config.json": '{"eos_token":"<|endoftext|>"}',
  });
  const { tokens, left_out } = english.encodeOpenPrompt("Question: x\nAnswer: ");
  assert.deepEqual([english.decode(tokens), left_out], ["Question: x\nAnswer:", " "]);
});

Deno.test("new tokens keep the blank that the first token of a text loses", async () => {
  const tokenizer = await load(llama());
  const before = tokenizer.encode("a:"), added = [TOKENS.indexOf("▁a"), TOKENS.indexOf("▁def")];
  assert.equal(tokenizer.decode(added), "a def");
  assert.equal(decodeAfter(tokenizer, before, added), " a def");
  assert.equal(decodeAfter(tokenizer, [], added), "a def");
});

const begin = { SpecialToken: { id: "<s>", type_id: 0 } };
const text = { Sequence: { id: "A", type_id: 0 } };
const TEMPLATE = {
  type: "TemplateProcessing",
  single: [begin, text],
  pair: [begin, text, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
};

Deno.test("texts begin with BOS where the tokenizer adds one, or the recipe says so", async () => {
  const begins = async (files: TokenizerFiles, bos: "auto" | boolean) => {
    const set = setBos(files, bos), tokenizer = await load(set);
    const { tokens, loss_spans } = tokenizer.encodeDocument({
      text: "a:4",
      prompt_length_chars: 2,
    });
    assert.deepEqual(tokenizer.encodePrompt("a:"), [...tokens.subarray(0, loss_spans[0])]);
    assert.deepEqual(tokenizer.encodePrompt(""), tokens[0] === 1 ? [1] : [2]);
    assert.deepEqual(setBos(set, "auto"), set); // saved as what it is
    return tokens[0] === 1;
  };
  const sequence = { type: "Sequence", processors: [{ type: "ByteLevel" }, TEMPLATE] };
  const bert = { type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 1] };
  const none = llama(), ours = llama({ post_processor: TEMPLATE });
  assert.equal(await begins(none, "auto"), false);
  assert.equal(setBos(none, "auto")["tokenizer.json"], none["tokenizer.json"]);
  assert.equal(setBos(ours, "auto")["tokenizer.json"], ours["tokenizer.json"]);
  assert.equal(await begins(llama({}, { add_bos_token: true }), "auto"), true);
  assert.equal(await begins(none, true), true);
  for (const post_processor of [TEMPLATE, sequence, bert]) {
    assert.equal(await begins(llama({ post_processor }), "auto"), true);
    assert.equal(await begins(llama({ post_processor }), true), true);
    assert.equal(await begins(llama({ post_processor }), false), false);
  }
  assert.throws(() => setBos(llama({}, { bos_token: null }), true), /no file names a bos_token/);
});
