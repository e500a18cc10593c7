import assert from "node:assert/strict";
import { type ModelConfig, parseConfig } from "./families.ts";
import { initialize, ParameterArrays, parameterCount, parameterSpecs } from "./parameters.ts";
import { presets } from "./gpt_neox/config.ts";

const NEOX = { ...presets.mini, vocab_size: 512 } as ModelConfig;
const LLAMA = parseConfig({
  model_type: "llama",
  vocab_size: 512,
  hidden_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 256,
  max_position_embeddings: 64,
}, "config.json");

/** Layers whose outputs are added to the residual stream. */
const RESIDUAL =
  /attention\.dense\.weight$|dense_4h_to_h\.weight$|o_proj\.weight$|down_proj\.weight$/;

/**
 * Checks mean, variance and the share beyond two deviations of n normal values, each to five standard errors: a correct
 * value fails once in 10^6, and the seed is fixed.
 */
function checkNormal(values: Float32Array, deviation: number, name: string): void {
  const n = values.length;
  let sum = 0, squares = 0, beyond = 0;
  for (const value of values) {
    sum += value;
    squares += value ** 2;
    if (Math.abs(value) > 2 * deviation) beyond++;
  }
  const [mean, ratio, share] = [sum / n, squares / n / deviation ** 2, beyond / n];
  const expected = 0.0455003;
  assert.ok(Math.abs(mean) < 5 * deviation / Math.sqrt(n), `${name}: mean ${mean}`);
  assert.ok(Math.abs(ratio - 1) < 5 * Math.sqrt(2 / n), `${name}: variance x ${ratio}`);
  const error = Math.sqrt(expected * (1 - expected) / n);
  assert.ok(Math.abs(share - expected) < 5 * error, `${name}: beyond two deviations ${share}`);
}

for (const [family, config] of [["GPT-NeoX", NEOX], ["Llama", LLAMA]] as const) {
  Deno.test(`${family}: LitGPT's initial weights have its standard deviations`, () => {
    const { hidden_size: D, num_hidden_layers: L } = config;
    const parameters = new ParameterArrays(config, "all");
    initialize(parameters, 7, "litgpt");
    let residual = 0;
    for (const { name, initial } of parameterSpecs(config)) {
      const values = parameters.get(name);
      if ("value" in initial) {
        assert.ok(values.every((value) => value === initial.value), name);
        continue;
      }
      const adds = RESIDUAL.test(name);
      if (adds) residual++;
      checkNormal(values, adds ? 1 / (Math.sqrt(D) * L) : Math.sqrt(0.4 / D), name);
    }
    assert.equal(residual, 2 * L);
  });
}

Deno.test("the default initial weights are those of the family, whatever is said of the residual stream", () => {
  const deviations: number[] = [];
  const parameters = new ParameterArrays(NEOX, "all");
  initialize(parameters, 7);
  for (const { name, initial } of parameterSpecs(NEOX)) {
    if ("value" in initial) continue;
    const deviation = RESIDUAL.test(name) ? 0.02 / Math.sqrt(8) : 0.02;
    checkNormal(parameters.get(name), deviation, name);
    deviations.push(initial.deviation);
  }
  assert.equal(new Set(deviations).size, 2);
});

Deno.test("presets of Pythia have the published numbers of parameters", () => {
  const published = {
    "pythia-70m": 70_426_624,
    "pythia-160m": 162_322_944,
    "pythia-410m": 405_334_016,
    "pythia-1b": 1_011_781_632,
  } as const;
  for (const [name, count] of Object.entries(published)) {
    const sizes = presets[name as keyof typeof published];
    assert.equal(parameterCount({ ...sizes, vocab_size: 50_304 } as ModelConfig), count, name);
  }
});
