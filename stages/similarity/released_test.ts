/** The preset "as_released" through the whole stage, against tests/parity/make_released_fixtures.py. */
import assert from "node:assert/strict";
import { answerSpans, type Batch, type ports } from "@causeway/core/stage";
import { loadTokenizer, type Tokenizer } from "@causeway/core/tokenizer";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { similarity } from "./mod.ts";

type Tokens = Batch<typeof ports.tokens.columns>;
type Values = Record<
  "cosine" | "jaccard" | "overlap" | "jensen_shannon" | "similarity",
  number
>;

const fixture = (path: string) =>
  Deno.readTextFileSync(new URL(`../../tests/fixtures/${path}`, import.meta.url));

const released: {
  pairs: ({ name: string; a: [number, number][]; b: [number, number][] } & Values)[];
  weight: number;
  similarities: ({ a: string; b: string } & Values)[];
} = JSON.parse(fixture("similarity/released.json"));

const COMPONENTS = ["cosine", "jaccard", "overlap", "jensen_shannon", "similarity"] as const;

/** A table of documents, given as ids with the end-of-text token. */
function tableOf(sources: Record<string, ArrayLike<number>[]>): Tokens {
  const rows = Object.entries(sources).flatMap(([source, all]) => all.map((ids) => [source, ids]));
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach(([, ids], i) => offsets[i + 1] = offsets[i] + ids.length);
  return {
    source: rows.map(([source]) => source as string),
    dataset: rows.map(([source]) => source as string),
    tokens: {
      values: Uint16Array.from(rows.flatMap(([, ids]) => Array.from(ids as number[]))),
      offsets,
    },
    loss_spans: answerSpans(offsets),
    text_bytes: new Int32Array(rows.length),
  };
}

async function measured(
  data: Tokens,
  tokenizer: Record<string, string> | undefined,
  config: Parameters<typeof similarity.config.parse>[0] & object = {},
) {
  const fake = await fakeContext(similarity, {
    config: { preset: "as_released", ...config },
    inputs: { tokens: { data }, tokenizer },
  });
  await similarity.run(fake.ctx);
  const table = fake.collected().similarity;
  return table.a.map((a, i) => {
    const values = COMPONENTS.map((name) => [name, table[name][i]]);
    return { a, b: table.b[i], ...Object.fromEntries(values) as Values };
  });
}

function assertNear(actual: Values, expected: Values, what: string): void {
  for (const name of COMPONENTS) {
    const difference = Math.abs(actual[name] - expected[name]);
    assert.ok(difference < 1e-9, `${what}, ${name}: ${actual[name]} is not ${expected[name]}`);
  }
}

/** A tokenizer of 100 words. */
const HUNDRED_WORDS = {
  "tokenizer.json": JSON.stringify({
    added_tokens: [],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(Array.from({ length: 100 }, (_, id) => [`t${id}`, id])),
      merges: [],
    },
  }),
  "tokenizer_config.json": JSON.stringify({ eos_token: "t99" }),
};

for (const pair of released.pairs) {
  Deno.test(`as released, the golden values: ${pair.name}`, async () => {
    /** The multiset as documents of at most 50 tokens. */
    const documents = (counts: [number, number][]) => {
      const ids = counts.flatMap(([id, count]) => new Array<number>(count).fill(id));
      return Array.from({ length: Math.ceil(ids.length / 50) }, (_, i) => {
        return [...ids.slice(50 * i, 50 * i + 50), 99];
      });
    };
    const data = tableOf({ a: documents(pair.a), b: documents(pair.b) });
    const rows = await measured(data, HUNDRED_WORDS);
    const between = rows.filter(({ a, b }) => a !== b);
    assert.equal(between.length, 2);
    for (const row of between) assertNear(row, pair, `${row.a} and ${row.b}`);
  });
}

/** The tokenizer of the fixtures with tokens of 2, 4, … 64 dashes. */
function longTokens(): Record<string, string> {
  const definition = JSON.parse(fixture("tokenizer/tokenizer.json"));
  const { vocab, merges } = definition.model;
  for (let length = 1; length < 64; length *= 2) {
    const token = "-".repeat(2 * length);
    if (token in vocab) continue;
    vocab[token] = Object.keys(vocab).length;
    merges.push(["-".repeat(length), "-".repeat(length)]);
  }
  return {
    "tokenizer.json": JSON.stringify(definition),
    "tokenizer_config.json": JSON.stringify({ eos_token: "<|endoftext|>" }),
  };
}

/** The texts of make_released_fixtures.py: of the special ones three are cut by characters, one by tokens. */
function textsOf() {
  const all = fixture("tokenizer/corpus.txt").split("\n\n").filter((text) => text.length > 40);
  const special = [
    ...all.slice(-12),
    "-".repeat(12_000),
    "-".repeat(9_995) + "characters that are left out",
    "-".repeat(9_990) + "😀".repeat(20),
    all.slice(0, 20).join("\n"),
  ];
  return { general: all.slice(0, 24), special, target: all.slice(-30, -6) };
}

function encoded(texts: Record<string, string[]>, tokenizer: Tokenizer): Tokens {
  return tableOf(
    Object.fromEntries(
      Object.entries(texts).map(([source, of]) => {
        return [source, of.map((text) => tokenizer.encodeDocument({ text }).tokens)];
      }),
    ),
  );
}

const files = longTokens();
const data = encoded(
  textsOf(),
  await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]),
);

Deno.test("as released, real texts and their mixture agree with Python's tokenizers and NumPy", async () => {
  const { weight, similarities } = released;
  const mixtures = { mixture: { general: 1 - weight, special: weight } };
  const rows = await measured(data, files, { mixtures });
  assert.equal(rows.length, similarities.length);
  for (const expected of similarities) {
    const { a, b } = expected;
    assertNear(rows.find((row) => row.a === a && row.b === b)!, expected, `${a} and ${b}`);
  }
});

Deno.test("each option of the preset changes the values, and so does each of its cuts", async () => {
  const between = async (config: object) => {
    const rows = await measured(data, files, { preset: undefined, ...config });
    return rows.find(({ a, b }) => a === "special" && b === "target")!;
  };
  const plain = await between({});
  for (
    const options of [
      { max_characters: 10_000 },
      { max_tokens: 512 },
      { jensen_shannon: "reciprocal" },
      { vocabulary: 200 },
      { log_base: Math.E },
      { epsilon: 1e-10 },
    ]
  ) {
    assert.notEqual((await between(options)).similarity, plain.similarity, JSON.stringify(options));
  }
  // Texts that are shorter than the cut are as they are.
  assert.deepEqual(await between({ max_characters: 20_000, max_tokens: 20_000 }), plain);
});

Deno.test("a cut by characters without the tokenizer, and an unknown preset, are errors", async () => {
  await assert.rejects(measured(data, undefined), /max_characters needs the text.*connect the tok/);
  const misspelt = { preset: "as_release" } as unknown as { preset: "as_released" };
  assert.match(similarity.config.safeParse(misspelt).error!.issues[0].message, /as_released/);
});

Deno.test("the preset sets what the authors' code does, and validating twice changes nothing", () => {
  const config = similarity.config.parse({ preset: "as_released", general: "c4" });
  const { max_examples, max_characters, max_tokens, vocabulary, mixture_by, general } = config;
  assert.deepEqual(
    { max_examples, max_characters, max_tokens, vocabulary, mixture_by, general },
    {
      max_examples: 10_000,
      max_characters: 10_000,
      max_tokens: 512,
      vocabulary: 50_000,
      mixture_by: "full_samples",
      general: "c4",
    },
  );
  assert.deepEqual(similarity.config.parse(config), config);
  // Fields that are set replace those of the preset.
  const fewer = similarity.config.parse({ preset: "as_released", max_tokens: 100 });
  assert.deepEqual([fewer.max_tokens, fewer.max_characters], [100, 10_000]);
});
