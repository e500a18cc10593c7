/**
 * Tokenizer files with each node deleted or replaced: they load, or are refused with an error that names the file.
 */
import assert from "node:assert/strict";
import { assertRefused, mutants } from "../../tests/shared/json_mutants.ts";
import { completeFiles, loadTokenizer, tokenizerFingerprint, vocabularySize } from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => JSON.parse(Deno.readTextFileSync(new URL(name, FIXTURES)));
const NAMED = /\b(tokenizer(_config)?|special_tokens_map|(generation_)?config)\.json\b/;
/** An error about a text, not about the file. */
const UNKNOWN_WORD = /^the vocabulary of the \w+ tokenizer does not have/;

/** Reads the files in every way, and uses the tokenizer. */
async function use(files: Readonly<Record<string, unknown>>) {
  const texts = Object.fromEntries(
    Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]),
  );
  tokenizerFingerprint(texts["tokenizer.json"]);
  vocabularySize(texts["tokenizer.json"]);
  const { "tokenizer.json": json, "tokenizer_config.json": config } = completeFiles(texts);
  const tokenizer = await loadTokenizer(json, config, { texts, parse_special_tokens: false });
  try {
    tokenizer.decode(tokenizer.encode("ab <s> Ö 12 🙂\n"));
    tokenizer.encodePrompt("a");
  } catch (error) {
    if (!UNKNOWN_WORD.test((error as Error).message)) throw error;
  }
}

const CONFIG = {
  eos_token: "<s>",
  bos_token: { content: "<s>" },
  tokenizer_class: "LlamaTokenizer",
};
const TOKEN = { id: 4, content: "<s>", single_word: false, special: true, normalized: false };
const WORDS = { "[UNK]": 0, "<unk>": 1, a: 2, "##b": 3 };
const MODELS = {
  WordLevel: { type: "WordLevel", vocab: WORDS, unk_token: "<unk>" },
  WordPiece: {
    ...{ type: "WordPiece", vocab: WORDS, unk_token: "[UNK]" },
    ...{ continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
  },
  BPE: {
    ...{ type: "BPE", vocab: { "<unk>": 0, a: 1, b: 2, ab: 3 }, merges: ["a b"], dropout: null },
    ...{ unk_token: "<unk>", byte_fallback: false, fuse_unk: true },
    ...{ continuing_subword_prefix: "", end_of_word_suffix: "", ignore_merges: false },
  },
  Unigram: {
    ...{ type: "Unigram", vocab: [["<unk>", 0], ["a", -1], ["b", -1.5], ["ab", -2]], unk_id: 0 },
    ...{ byte_fallback: true },
  },
};
const template = (single: object[]) => ({
  ...{
    type: "TemplateProcessing",
    single,
    pair: [...single, { Sequence: { id: "B", type_id: 1 } }],
  },
  special_tokens: { "<s>": { id: "<s>", ids: [4], tokens: ["<s>"] } },
});
const BEGIN = template([
  { SpecialToken: { id: "<s>", type_id: 0 } },
  { Sequence: { id: "A", type_id: 0 } },
]);

/** Every part of the fixtures, each of a type once, in a Sequence. */
function everyPart() {
  const { tokenizers, decoders } = fixture("parts.json");
  const byType = (parts: ({ type?: string } | null | undefined)[]) => {
    const flat = parts.filter((part) => typeof part?.type === "string" && part.type !== "Sequence");
    return [...new Map(flat.map((part) => [part!.type, part])).values()];
  };
  const all = Object.values<Record<string, { type: string }>>(tokenizers);
  return {
    normalizer: { type: "Sequence", normalizers: byType(all.map((one) => one.normalizer)) },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: byType(all.map((one) => one.pre_tokenizer))
        .filter((part) => part!.type !== "Metaspace"),
    },
    decoder: { type: "Sequence", decoders: byType(Object.values(decoders)) },
  };
}

const fileOf = (parts: object) => ({
  "tokenizer.json": { version: "1.0", added_tokens: [TOKEN], model: MODELS.BPE, ...parts },
  "tokenizer_config.json": CONFIG,
});

Deno.test("a malformed tokenizer.json is refused by name, whatever its parts", async () => {
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true };
  const several: object[] = [
    { model: MODELS.WordLevel, ...everyPart() },
    ...Object.values(MODELS).map((model) => ({ model })),
    { pre_tokenizer: metaspace },
    { added_tokens: [TOKEN, { ...TOKEN, id: 5, content: "<m>", normalized: true }] },
    { post_processor: BEGIN },
    { post_processor: { type: "Sequence", processors: [{ type: "ByteLevel" }, BEGIN] } },
    { post_processor: { type: "BertProcessing", cls: ["<s>", 4], sep: ["<s>", 4] } },
  ];
  let all = 0;
  for (const parts of several) {
    await use(fileOf(parts));
    const { mutants: count, valid } = await assertRefused(
      mutants(parts, 40),
      (value) => use(fileOf(value as object)),
      NAMED,
    );
    assert.ok(valid > 0 && valid < count, `${valid} of ${count}`);
    all += count;
  }
  assert.ok(all > 2000, `${all}`);
  for (const value of [null, [], 1, "x", {}]) {
    const files = { "tokenizer.json": value, "tokenizer_config.json": CONFIG };
    await assert.rejects(use(files), /^Error: tokenizer\.json has no vocabulary/);
  }
});

Deno.test("so is one of byte-level BPE that the Rust library wrote", async () => {
  const config = { eos_token: "<|endoftext|>" };
  await assertRefused(
    mutants(fixture("tokenizer_nfc.json"), 2),
    (value) => use({ "tokenizer.json": value, "tokenizer_config.json": config }),
    NAMED,
  );
});

Deno.test("and the files beside it", async () => {
  const definition = fileOf({})["tokenizer.json"];
  const ids = { eos_token_id: [4], bos_token_id: 4, pad_token_id: -1 };
  const added_tokens_decoder = { 4: { content: "<s>", special: true, lstrip: false } };
  const others = {
    "tokenizer_config.json": { ...CONFIG, add_bos_token: true, added_tokens_decoder },
    "special_tokens_map.json": { eos_token: "<s>", additional_special_tokens: ["<s>"] },
    "config.json": { ...ids, model_type: "llama" },
    "generation_config.json": ids,
  };
  for (const [name, content] of Object.entries(others)) {
    await assertRefused(
      mutants(content),
      (value) => use({ "tokenizer.json": definition, ...others, [name]: value }),
      NAMED,
    );
  }
});
