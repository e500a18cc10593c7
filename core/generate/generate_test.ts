import assert from "node:assert/strict";
import { hostWeights, initialize, ParameterArrays, parseConfig } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import {
  Decoder,
  drawToken,
  generate,
  type GenerateOptions,
  likeliest,
  logLikelihoods,
  type Prompt,
  type TextDecoding,
  TextStream,
} from "./mod.ts";

const VOCAB_SIZE = 90;

const config = parseConfig({
  vocab_size: VOCAB_SIZE,
  hidden_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 100,
  max_position_embeddings: 160,
  rotary_pct: 0.5,
}, "test");

const parameters = new ParameterArrays(config, "matrices");
initialize(parameters, 5);
// Weights large enough that the next token depends on all before it.
for (const [name, view] of parameters.views) {
  if (/weight$/.test(name) && !/norm/.test(name)) view.forEach((w, i) => view[i] = 12 * w);
}
const weights = hostWeights(parameters);

/** Two letters for each token. */
const tokenizer: TextDecoding = {
  end_of_text: 0,
  vocab_size: VOCAB_SIZE,
  decode: (ids) => Array.from(ids, (id) => `${Math.floor(id / 10)}${id % 10}`).join(""),
};

/** Prompts of 1 to 70 tokens. */
const PROMPTS: Prompt[] = [1, 7, 31, 32, 33, 64, 70, 3, 12].map((length, sample) => {
  const random = new Random(1, "prompt", sample);
  return { tokens: Array.from({ length }, () => 1 + random.below(VOCAB_SIZE - 1)), sample };
});

const SAMPLED = { temperature: 0.9, top_p: 0.95, seed: 3, max_new_tokens: 24 };

async function complete(
  prompts: readonly Prompt[],
  options: Partial<GenerateOptions> = {},
  batch_size = 4,
) {
  const decoder = new Decoder({ batch_size, threads: 1 });
  try {
    return await generate(decoder, weights, tokenizer, prompts, { ...SAMPLED, ...options });
  } finally {
    await decoder.release();
  }
}

for (const temperature of [0, 0.9]) {
  Deno.test(`a completion does not depend on the other prompts, at temperature ${temperature}`, async () => {
    const together = await complete(PROMPTS, { temperature });
    assert.ok(new Set(together.map(({ text }) => text)).size > 6);
    const backwards = await complete(PROMPTS.toReversed(), { temperature });
    assert.deepEqual(backwards.toReversed(), together);
    for (const i of [0, 4, 6]) {
      assert.deepEqual(await complete([PROMPTS[i]], { temperature }), [together[i]]);
    }
  });
}

Deno.test("likelihoods are the same to the bit in every batch", async () => {
  const continuations = PROMPTS.map(({ tokens }, i) => ({
    prompt: tokens,
    tokens: PROMPTS[(i + 1) % PROMPTS.length].tokens,
  }));
  const decoder = new Decoder({ batch_size: 4, threads: 1 });
  const together = await logLikelihoods(decoder, weights, continuations);
  for (const [i, one] of continuations.entries()) {
    assert.equal((await logLikelihoods(decoder, weights, [one]))[0], together[i]);
  }
  await decoder.release();
});

Deno.test("random numbers depend on sample, position and seed", async () => {
  const same = Array.from({ length: 4 }, (_, sample) => ({ ...PROMPTS[1], sample }));
  const texts = (await complete(same)).map(({ text }) => text);
  assert.equal(new Set(texts).size, 4);
  const [third] = await complete([same[2]]);
  assert.equal(third.text, texts[2]);
  const other = await complete(same, { seed: 4 });
  assert.notDeepEqual(other.map(({ text }) => text), texts);
});

Deno.test("generation ends before a stop text, even inside tokens", async () => {
  const [free] = await complete([PROMPTS[2]], { temperature: 0 });
  const { text } = free;
  assert.equal(text.length, 48);
  const stop = text.slice(11, 16); // starts and ends inside tokens
  const [stopped] = await complete([PROMPTS[2]], { temperature: 0, stop: ["never", stop] });
  assert.equal(stopped.finish, "stop");
  assert.equal(stopped.text, text.slice(0, text.indexOf(stop)));
  assert.deepEqual(stopped.tokens, free.tokens.slice(0, stopped.tokens.length));
  assert.ok(stopped.tokens.length <= 8);
});

Deno.test("a text ends with the model's positions", async () => {
  const [long] = await complete([PROMPTS[6]], { max_new_tokens: 1000, temperature: 0.2 });
  const room = 160 - 70;
  assert.ok(long.finish === "end_of_text" || long.tokens.length === room);
  const [cut] = await complete([{ tokens: Array(159).fill(5) }], { temperature: 0 });
  assert.deepEqual([cut.tokens.length, cut.finish], [1, "length"]);
  await assert.rejects(complete([{ tokens: Array(160).fill(5) }]), /prompt 0 has 160 tokens/);
  await assert.rejects(complete([{ tokens: [] }]), /prompt 0 is empty/);
});

Deno.test("with more logits than tokens in the tokenizer, only known tokens are chosen", async () => {
  const decoder = new Decoder({ batch_size: 2, threads: 1 });
  const few = { ...tokenizer, vocab_size: 20 };
  const [{ tokens }] = await generate(decoder, weights, few, [PROMPTS[3]], SAMPLED);
  assert.ok(tokens.every((token) => token < 20));
  await decoder.release();
});

Deno.test("generation stops at every token that ends a text", async () => {
  const [free] = await complete([PROMPTS[2]], { temperature: 0 });
  const last = free.tokens[5], first = free.tokens.indexOf(last);
  const decoder = new Decoder({ batch_size: 1, threads: 1 });
  const several = { ...tokenizer, eos_token_ids: [0, last] };
  const [{ tokens, finish, text }] = await generate(decoder, weights, several, [PROMPTS[2]], {
    ...SAMPLED,
    temperature: 0,
  });
  await decoder.release();
  assert.deepEqual([tokens, finish], [free.tokens.slice(0, first + 1), "end_of_text"]);
  assert.equal(text, free.text.slice(0, 2 * first));
  const stream = new TextStream(several);
  assert.deepEqual([1, last].map((token) => stream.push(token)), ["01", ""]);
});

Deno.test("the repetition penalty counts the prompt and the new tokens", async () => {
  const penalized = { temperature: 0, repetition_penalty: 1e6, max_new_tokens: 12 };
  const [{ tokens }] = await complete([PROMPTS[0]], penalized);
  const all = [...Array.from(PROMPTS[0].tokens), ...tokens];
  assert.equal(new Set(all).size, all.length);
});

Deno.test("logits that are not finite are refused", async () => {
  const broken = new ParameterArrays(config, "matrices");
  initialize(broken, 5);
  broken.get("gpt_neox.final_layer_norm.weight").fill(3e38);
  broken.get("embed_out.weight").fill(3e38);
  const decoder = new Decoder({ batch_size: 1, threads: 1 });
  const overflowing = hostWeights(broken), message = /logits are NaN or infinite: its weights/;
  await assert.rejects(generate(decoder, overflowing, tokenizer, [PROMPTS[1]], SAMPLED), message);
  const continuation = { prompt: [1, 2], tokens: [3] };
  await assert.rejects(logLikelihoods(decoder, overflowing, [continuation]), message);
  await decoder.release();
});

Deno.test("an abort ends generation with its reason", async () => {
  const controller = new AbortController();
  const onToken = () => controller.abort(new Error("stop now"));
  await assert.rejects(complete(PROMPTS, { signal: controller.signal, onToken }), /stop now/);
});

Deno.test("samples follow the distribution, within the nucleus and at the temperature", () => {
  const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
  const share = (options: { temperature: number; top_p: number; min_p?: number }) => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 10_000; i++) counts[drawToken(logits, options, i / 10_000)]++;
    return counts.map((count) => Math.round(count / 100));
  };
  assert.deepEqual(share({ temperature: 1, top_p: 1 }), [10, 40, 20, 30]);
  // 0.4 + 0.3 reach 0.7; of the two, 4/7 and 3/7.
  assert.deepEqual(share({ temperature: 1, top_p: 0.69 }), [0, 57, 0, 43]);
  // p² / Σ p², Σ p² = 0.3
  assert.deepEqual(share({ temperature: 0.5, top_p: 1 }), [3, 53, 13, 30]);
  // At least 0.18.
  assert.deepEqual(share({ temperature: 1, top_p: 1, min_p: 0.45 }), [0, 44, 22, 33]);
  assert.equal(likeliest(Float32Array.of(1, 3, 3)), 1);
});

Deno.test("a blank before the first new word is written, and found by a stop text", () => {
  // As with Llama 2, the first token of a text loses its blank.
  const words = [" was", " the", " to", "</s>"];
  const decode = (ids: ArrayLike<number>) =>
    Array.from(ids, (id) => words[id]).join("").replace(/^ /, "");
  const tokenizer = { decode, end_of_text: 3, vocab_size: 4, prefix_ids: [] };
  const write = (prompt: { tokens: number[]; left_out?: string }, ...stop: string[]) => {
    const stream = new TextStream(tokenizer, stop, prompt);
    return [1, 2].map((id) => stream.push(id)).join("");
  };
  assert.equal(write({ tokens: [0] }), " the to");
  assert.equal(write({ tokens: [0] }, " the"), "");
  assert.equal(write({ tokens: [0], left_out: " " }), "the to");
  assert.equal(write({ tokens: [3] }), "the to"); // nothing before it but an end of text
});
