/**
 * Generation against Hugging Face's `generate`; tests/parity/make_generate_fixtures.py makes the fixtures, and
 * make_llama_fixtures.py those of Llama.
 */
import assert from "node:assert/strict";
import {
  decodeParameters,
  hostWeights,
  ParameterArrays,
  parseConfig,
  type Weights,
} from "../model/mod.ts";
import {
  Decoder,
  drawToken,
  generate,
  logLikelihoods,
  penalizeRepeats,
  type SamplingOptions,
  type TextDecoding,
} from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/", import.meta.url);

interface Case {
  model: string;
  max_new_tokens: number;
  end_of_text: number;
  greedy: { prompt: number[]; tokens: number[] }[];
  measured: { prompt: number[]; tokens: number[]; log_likelihood: number }[];
}

async function readCases(family: string, file: string): Promise<Case[]> {
  const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL(file, FIXTURES)));
  return cases.map((found) => ({ ...found, model: `${family}/${found.model}` }));
}

const CASES = [
  ...await readCases("gpt_neox", "generate/golden.json"),
  ...await readCases("llama", "llama/generate.json"),
];

async function loadWeights(model: string): Promise<Weights> {
  const folder = new URL(`${model}/`, FIXTURES);
  const text = await Deno.readTextFile(new URL("config.json", folder));
  const parameters = new ParameterArrays(parseConfig(JSON.parse(text), model), "matrices");
  const bytes = await Deno.readFile(new URL("model.safetensors", folder));
  decodeParameters(parameters, bytes, model);
  return hostWeights(parameters);
}

/** Ids written out, one after the other. */
const tokenizer: TextDecoding = {
  end_of_text: 0,
  vocab_size: 1000,
  decode: (ids) => Array.from(ids, (id) => `<${id}>`).join(""),
};

const GREEDY = { temperature: 0, top_p: 1, seed: 0 };

async function withDecoder(batch_size: number, use: (decoder: Decoder) => Promise<void>) {
  const decoder = new Decoder({ batch_size, threads: 1 });
  try {
    await use(decoder);
  } finally {
    await decoder.release();
  }
}

for (const { model, max_new_tokens, greedy, measured } of CASES) {
  Deno.test(`greedy tokens equal those of Hugging Face's generate: ${model}`, async () => {
    const weights = await loadWeights(model);
    const prompts = greedy.map(({ prompt }) => ({ tokens: prompt }));
    await withDecoder(8, async (decoder) => {
      const options = { ...GREEDY, max_new_tokens };
      const completions = await generate(decoder, weights, tokenizer, prompts, options);
      assert.deepEqual(completions.map(({ tokens }) => tokens), greedy.map(({ tokens }) => tokens));
      const ended = greedy.map(({ tokens }) => tokens.at(-1) === 0 ? "end_of_text" : "length");
      assert.deepEqual(completions.map(({ finish }) => finish), ended);
    });
  });

  Deno.test(`log-likelihoods equal Hugging Face's: ${model}`, async () => {
    const weights = await loadWeights(model);
    await withDecoder(3, async (decoder) => {
      const logs = await logLikelihoods(decoder, weights, measured);
      measured.forEach(({ log_likelihood }, i) => {
        assert.ok(Math.abs(logs[i] - log_likelihood) < 1e-3, `${logs[i]}, not ${log_likelihood}`);
      });
    });
  });
}

interface SamplingCase {
  options: Partial<SamplingOptions>;
  logits: number[];
  ids: number[];
  probabilities: number[];
}

const SAMPLING: SamplingCase[] = JSON.parse(
  await Deno.readTextFile(new URL("generate/sampling.json", FIXTURES)),
);

for (const { options, logits, ids, probabilities } of SAMPLING) {
  Deno.test(`tokens are sampled with the probabilities of Hugging Face: ${JSON.stringify(options)}`, () => {
    const penalized = penalizeRepeats(
      Float32Array.from(logits),
      ids,
      options.repetition_penalty ?? 1,
    );
    const all = { temperature: 1, top_p: 1, ...options }, draws = 20_000;
    const counts = probabilities.map(() => 0);
    for (let i = 0; i < draws; i++) counts[drawToken(penalized, all, (i + 0.5) / draws)]++;
    counts.forEach((count, token) => {
      assert.ok(Math.abs(count / draws - probabilities[token]) < 2 / draws, `token ${token}`);
      if (probabilities[token] === 0) assert.equal(count, 0, `token ${token}`);
    });
  });
}
