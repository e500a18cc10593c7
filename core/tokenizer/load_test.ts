import assert from "node:assert/strict";
import {
  completeFiles,
  loadTokenizer,
  openTokenizer,
  readTokenizerFiles,
  tokenizerFiles,
  trainByteLevelBpe,
} from "./mod.ts";
import { vocabularySize } from "./load.ts";

const FIXTURES = new URL("../../tests/fixtures/tokenizer/", import.meta.url);
const fixture = (name: string) => Deno.readTextFileSync(new URL(name, FIXTURES));
const CONFIG = '{"eos_token":"<|endoftext|>"}';
const encodings: { text: string; ids: number[]; nfc_ids: number[] }[] = JSON.parse(
  fixture("encodings.json"),
);
const decodings: { ids: number[]; text: string; nfc_text: string }[] = JSON.parse(
  fixture("decodings.json"),
);

Deno.test("gives the same ids as the Rust tokenizer, and decodes them to the same text", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  assert.equal(tokenizer.kind, "byte_level");
  assert.equal(tokenizer.vocab_size, 1000);
  assert.equal(tokenizer.end_of_text, 0);
  for (const { text, ids } of encodings) {
    const encoded = tokenizer.encode(text);
    assert.deepEqual([...encoded], ids, JSON.stringify(text));
    assert.equal(tokenizer.decode(encoded), text);
  }
});

Deno.test("gives the same ids as a Rust tokenizer with NFC and runs of spaces, like Pythia's", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer_nfc.json"), CONFIG);
  assert.equal(tokenizer.kind, "byte_level");
  assert.equal(tokenizer.vocab_size, 424);
  for (const { text, nfc_ids } of encodings) {
    assert.deepEqual([...tokenizer.encode(text)], nfc_ids, JSON.stringify(text));
  }
});

Deno.test("decodes ids that are not valid UTF-8 like the Rust tokenizer", async () => {
  const plain = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  const nfc = await loadTokenizer(fixture("tokenizer_nfc.json"), CONFIG);
  for (const { ids, text, nfc_text } of decodings) {
    assert.equal(plain.decode(ids), text);
    assert.equal(nfc.decode(ids), nfc_text);
  }
  assert.equal(plain.decode([]), "");
  assert.equal(plain.decode([5000]), "");
});

Deno.test("gives the same ids and texts as the pipeline of parts", async () => {
  const own = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  const pipeline = await loadTokenizer(fixture("tokenizer.json"), CONFIG, { kind: "pipeline" });
  assert.equal(pipeline.kind, "pipeline");
  for (const text of [...encodings.map(({ text }) => text), fixture("corpus.txt")]) {
    const ids = pipeline.encode(text);
    assert.deepEqual(own.encode(text), ids, JSON.stringify(text));
    assert.equal(pipeline.decode(ids), own.decode(ids));
  }
});

Deno.test("uses the pipeline of parts for anything but plain byte-level BPE", async () => {
  const kindOf = async (change: (definition: ReturnType<typeof JSON.parse>) => void) => {
    const definition = JSON.parse(fixture("tokenizer_nfc.json"));
    change(definition);
    return (await loadTokenizer(JSON.stringify(definition), CONFIG)).kind;
  };
  assert.equal(await kindOf((d) => d.normalizer = null), "byte_level");
  assert.equal(
    await kindOf((d) => d.model.merges = d.model.merges.map((pair: string[]) => pair.join(" "))),
    "byte_level",
  );
  for (
    const change of [
      (d) => d.normalizer = { type: "NFKC" },
      (d) => d.pre_tokenizer.add_prefix_space = true,
      (d) => d.pre_tokenizer = { type: "Whitespace" },
      (d) => d.model.ignore_merges = true,
      (d) => d.added_tokens[3].rstrip = true,
    ] as ((d: ReturnType<typeof JSON.parse>) => void)[]
  ) assert.equal(await kindOf(change), "pipeline", String(change));
  await assert.rejects(() => kindOf((d) => d.model.dropout = 0.1), /dropout 0\.1 .* random/);
  await assert.rejects(() => kindOf((d) => delete d.model.vocab["Ġ"]), /the merge .* vocabulary/);
  await assert.rejects(() => kindOf((d) => d.added_tokens.at(-1).id += 7), /would load it at id/);
  await assert.rejects(
    () => kindOf((d) => d.pre_tokenizer = { type: "UnicodeScripts" }),
    /the pre-tokenizer "UnicodeScripts" is not supported; supported: .*WhitespaceSplit/,
  );
  const first = { type: "Metaspace", replacement: "▁", prepend_scheme: "first" };
  const pretokenizers = [{ type: "WhitespaceSplit" }, first];
  await assert.rejects(
    () => kindOf((d) => d.pre_tokenizer = { type: "Sequence", pretokenizers }),
    /prepend_scheme "first" after another pre-tokenizer .* with a normalizer/,
  );
});

Deno.test("ids are uint16 up to 65,536 tokens, uint32 above", async () => {
  const definition = JSON.parse(fixture("tokenizer.json"));
  const load = (token_count: number) => {
    const vocab = { ...definition.model.vocab };
    for (let id = 1000; id < token_count; id++) vocab[`unused${id}`] = id;
    const json = { ...definition, model: { ...definition.model, vocab } };
    return loadTokenizer(JSON.stringify(json), CONFIG);
  };
  assert.ok((await load(65_536)).encode("text") instanceof Uint16Array);
  const large = await load(65_537);
  assert.ok(large.encode("text") instanceof Uint32Array);
  assert.deepEqual([...large.encode(encodings[20].text)], encodings[20].ids);
});

Deno.test("control tokens in a text are left as text where they are not parsed", async () => {
  const definition = JSON.parse(fixture("tokenizer.json"));
  const [last] = definition.added_tokens.slice(-1);
  definition.added_tokens.push(
    { ...last, id: 1000, content: "<|tool|>", special: false },
    { ...last, id: 1001, content: "<|tool|>!", special: true },
  );
  for (const kind of [undefined, "pipeline"] as const) {
    const load = (parse_special_tokens: boolean) =>
      loadTokenizer(JSON.stringify(definition), CONFIG, { kind, parse_special_tokens });
    const [parsing, plain] = [await load(true), await load(false)];
    const end = parsing.decode([parsing.end_of_text]);
    const text = `a${end}b <|tool|> c <|tool|>! d`;
    assert.ok([...parsing.encode(text)].includes(parsing.end_of_text));
    const ids = [...plain.encode(text)];
    assert.ok(!ids.includes(plain.end_of_text) && !ids.includes(1001), `${kind}: ${ids}`);
    assert.ok(ids.includes(1000));
    assert.equal(plain.decode(ids), text);
    assert.equal(plain.left_as_text, 2);
    assert.deepEqual(plain.encode("no such tokens"), parsing.encode("no such tokens"));
  }
});

Deno.test("control tokens are left as text where the vocabulary has them too", async () => {
  const characters = ["<", "/", "s", ">", "a", "b"];
  const base = {
    added_tokens: ["</s>", "<unk>"].map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    post_processor: null,
  };
  const unigram = {
    ...base,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "never" },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "never" },
    model: {
      type: "Unigram",
      unk_id: 1,
      vocab: [["</s>", 0], ["<unk>", 0], ...characters.map((character) => [character, -1])],
    },
  };
  const words = {
    ...base,
    pre_tokenizer: { type: "WhitespaceSplit" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: false },
    model: {
      type: "WordPiece",
      unk_token: "<unk>",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: { "</s>": 0, "<unk>": 1, "<": 2, "##/": 3, "##s": 4, "##>": 5, a: 6, b: 7 },
    },
  };
  for (const [definition, text] of [[unigram, "a</s>b"], [words, "a </s> b"]] as const) {
    const load = (parse_special_tokens: boolean) =>
      loadTokenizer(JSON.stringify(definition), '{"eos_token":"</s>"}', { parse_special_tokens });
    const parsing = await load(true), plain = await load(false);
    assert.deepEqual([...parsing.encode(text)], [6, 0, 7]);
    assert.deepEqual([...plain.encode(text)], [6, 2, 3, 4, 5, 7]);
    assert.equal(plain.left_as_text, 1);
    assert.deepEqual([...plain.encode("a")], [6]);
    assert.equal(parsing.decode([0]), plain.decode([0]));
  }
});

Deno.test("lone surrogates count as U+FFFD", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer.json"), CONFIG);
  assert.deepEqual(tokenizer.encode("a\ud800b"), tokenizer.encode("a\ufffdb"));
});

Deno.test("written files can be loaded, and contain the trained model", async () => {
  const model = await trainByteLevelBpe([fixture("corpus.txt")], {
    vocab_size: 600,
    special_tokens: ["<|endoftext|>"],
  });
  const files = tokenizerFiles(model);
  const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  assert.equal(tokenizer.kind, "byte_level");
  assert.equal(tokenizer.vocab_size, 600);
  assert.deepEqual([...tokenizer.encode("<|endoftext|>")], [0]);
  const ids = tokenizer.encode("Größe 🙂\n\tx");
  assert.equal(tokenizer.decode(ids), "Größe 🙂\n\tx");
});

Deno.test("invalid files give an error with the reason", async () => {
  const json = fixture("tokenizer.json");
  await assert.rejects(() => loadTokenizer("{", CONFIG), /tokenizer\.json is not valid JSON/);
  await assert.rejects(() => loadTokenizer("{}", CONFIG), /no vocabulary/);
  await assert.rejects(
    () => loadTokenizer(json, "{}"),
    /no end-of-text token: .*end_of_text in the recipe/,
  );
  await assert.rejects(() => loadTokenizer(json, '{"eos_token":"</s>"}'), /not in the vocabulary/);
});

/** Where each tokenizer's folder names its end: changes to its files, and what is read. */
const EOS_SOURCES: Record<string, [files: Record<string, unknown>, eos: number[], bos?: number]> = {
  "tokenizer_config.json": [{ "tokenizer_config.json": { eos_token: { content: "a" } } }, [1]],
  "special_tokens_map.json": [
    { "tokenizer_config.json": {}, "special_tokens_map.json": { eos_token: "a", bos_token: "b" } },
    [1],
    2,
  ],
  "special_tokens_map.json, against tokenizer_config.json": [
    { "tokenizer_config.json": { eos_token: "b" }, "special_tokens_map.json": { eos_token: "a" } },
    [1],
  ],
  "no tokenizer_config.json, config.json": [
    { "config.json": { eos_token_id: 2, bos_token_id: 1 } },
    [2],
    1,
  ],
  "generation_config.json": [
    {
      "tokenizer_config.json": { eos_token: null },
      "generation_config.json": { eos_token_id: [2, 1] },
    },
    [2, 1],
  ],
  "the class": [{ "tokenizer_config.json": { tokenizer_class: "LlamaTokenizerFast" } }, [3]],
  "its name": [{}, [0]],
  "added_tokens_decoder": [
    {
      "tokenizer_config.json": {
        eos_token: "<end>",
        added_tokens_decoder: { 4: { content: "<end>", special: true } },
      },
    },
    [4],
  ],
  "several files": [
    {
      "tokenizer_config.json": { eos_token: "a", bos_token: "b" },
      "config.json": { eos_token_id: 2, bos_token_id: 3, pad_token_id: -1 },
      "generation_config.json": { eos_token_id: [2, 3] },
    },
    [2, 3, 1],
    3,
  ],
};

/** What is said of it. */
const EOS_NOTES: Record<string, string[]> = {
  "tokenizer_config.json": [],
  "special_tokens_map.json": ["end-of-text token a: named in special_tokens_map.json"],
  "generation_config.json": ["end-of-text token b: eos_token_id of generation_config.json"],
  "the class": ["end-of-text token </s>: the default of LlamaTokenizer"],
  "its name": [
    "end-of-text token <|endoftext|>: guessed by its name, because no file names one; " +
    "end_of_text in the recipe chooses another",
  ],
  "added_tokens_decoder": [
    "tokenizer.json lacks 1 added token of tokenizer_config.json: added to it",
  ],
};

for (const [name, [files, eos, bos]] of Object.entries(EOS_SOURCES)) {
  Deno.test(`the end of a text is found in ${name}`, async () => {
    const all: Record<string, unknown> = {
      "tokenizer.json": {
        added_tokens: [{ id: 0, content: "<|endoftext|>", special: true }],
        normalizer: null,
        post_processor: null,
        pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
        decoder: { type: "ByteLevel" },
        model: { type: "BPE", vocab: { "<|endoftext|>": 0, a: 1, b: 2, "</s>": 3 }, merges: [] },
      },
      ...files,
    };
    const source = {
      names: Object.keys(all),
      text: (name: string) => Promise.resolve(JSON.stringify(all[name])),
    };
    const { eos_token_ids, bos_token_id, end_of_text } = await openTokenizer(source);
    assert.deepEqual([eos_token_ids, bos_token_id], [eos, bos]);
    assert.ok(eos.includes(end_of_text));
    const notes: string[] = [];
    await readTokenizerFiles(source, { log: (line) => notes.push(line) });
    assert.deepEqual(notes, EOS_NOTES[name] ?? notes);
  });
}

Deno.test("a recipe names the end of a text; complete files keep their bytes", async () => {
  const json = fixture("tokenizer.json");
  const texts = { "tokenizer.json": json, "tokenizer_config.json": CONFIG };
  assert.deepEqual(completeFiles(texts), texts);
  const files = completeFiles(texts, { end_of_text: "a" });
  assert.equal(files["tokenizer.json"], json);
  const tokenizer = await loadTokenizer(json, files["tokenizer_config.json"]);
  assert.deepEqual([tokenizer.end_of_text], [...tokenizer.encode("a")]);
  assert.throws(() => completeFiles(texts, { end_of_text: "none" }), /"none" is not a token/);
});

Deno.test("ids of a Unigram vocabulary are positions in its list", async () => {
  const vocab = [["</s>", 0], ["<unk>", 0], ["▁a", -1], ["b", -2], ["a", -2.5]];
  const definition = (added: number[]) =>
    JSON.stringify({
      added_tokens: added.map((id) => ({
        id,
        content: id === 0 ? "</s>" : `<${id}>`,
        special: true,
      })),
      pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
      normalizer: null,
      post_processor: null,
      decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
      model: { type: "Unigram", unk_id: 1, vocab },
    });
  const tokenizer = await loadTokenizer(definition([0]), '{"eos_token":"</s>"}');
  assert.equal(tokenizer.vocab_size, 5);
  assert.equal(vocabularySize(definition([0])), 5);
  assert.equal(vocabularySize(definition([0, 8])), 9);
  assert.throws(() => vocabularySize('{"model":{"vocab":[1]}}'), /model\.vocab must have an id/);
});
