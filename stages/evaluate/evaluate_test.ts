import assert from "node:assert/strict";
import { spansColumn } from "@causeway/core/stage";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import {
  TINY_TOKENIZER,
  tinyModel,
  tinyTokens,
  VOCAB_SIZE,
} from "../../tests/shared/tiny_training.ts";
import { evaluate } from "./mod.ts";

const TOKENS = tinyTokens({
  general: { documents: 21, stride: 2 },
  qa: { documents: 7, stride: 3, prompt_length: 4 },
});

async function evaluated(config = {}, inputs = {}) {
  const fake = await fakeContext(evaluate, {
    config: { sequence_length: 16, micro_batch_size: 4, threads: 1, ...config },
    inputs: {
      models: { uniform: tinyModel(3, 0), sharp: tinyModel(3, 100) },
      tokens: { data: TOKENS },
      ...inputs,
    },
  });
  await evaluate.run(fake.ctx);
  return { ...fake.collected().evaluation, logs: fake.logs };
}

Deno.test("an untrained model has loss log V on every source", async () => {
  const { model, source, loss, bits_per_byte, tokens } = await evaluated({ by_example: ["qa"] });
  assert.deepEqual(model, ["uniform", "uniform", "sharp", "sharp"]);
  assert.deepEqual(source, ["general", "qa", "general", "qa"]);
  for (const i of [0, 1]) assert.ok(Math.abs(loss[i] - Math.log(VOCAB_SIZE)) < 1e-5);
  // The synthetic documents have 4 bytes per token: log2(64) / 4.
  assert.ok(Math.abs(bits_per_byte[0]! - 1.5) < 1e-5);
  assert.ok(bits_per_byte.every(Number.isFinite));
  assert.ok(loss[2] !== loss[0]);
  assert.equal(tokens[0] % 16, 0); // packed: whole sequences
});

Deno.test("results depend neither on the micro-batch size nor on the other sources", async () => {
  const all = await evaluated();
  const one = await evaluated({ sources: ["general"], micro_batch_size: 3 });
  assert.deepEqual(one.tokens[1], all.tokens[2]);
  assert.ok(Math.abs(one.loss[1] - all.loss[2]) < 1e-5);
});

Deno.test("an unknown source gives an error that names it", async () => {
  await assert.rejects(() => evaluated({ sources: ["math"] }), /no source "math"/);
});

Deno.test("bits per byte of examples are those of their answers", async () => {
  const config = { by_example: ["qa"], sequence_length: 24 };
  const { source, loss, bits_per_byte, tokens } = await evaluated(config);
  const row = source.indexOf("qa");
  // The tokens are words, "t1" to "t63"; prompts are 4 of them, and "t0" ends a document.
  let bytes = 0;
  TOKENS.source.forEach((name, i) => {
    const [start, end] = TOKENS.tokens.offsets.subarray(i, i + 2);
    if (name !== "qa") return;
    for (const id of TOKENS.tokens.values.subarray(start + 4, end - 1)) bytes += `t${id}`.length;
  });
  assert.ok(Math.abs(bits_per_byte[row]! - loss[row] * tokens[row] / Math.LN2 / bytes) < 1e-9);
});

Deno.test("of conversations every answer is measured, and nothing between them", async () => {
  // Tokens 2 to 4 and 5 to the end; the last one ends the document.
  const { source, tokens: { values, offsets } } = TOKENS;
  const spans = source.map((_, i) => [2, 4, 5, offsets[i + 1] - offsets[i]]);
  const data = { ...TOKENS, loss_spans: spansColumn(spans) };
  const config = { by_example: ["qa"], sources: ["qa"], sequence_length: 24 };
  const { loss, bits_per_byte, tokens } = await evaluated(config, { tokens: { data } });
  let bytes = 0, labels = 0;
  source.forEach((name, i) => {
    if (name !== "qa") return;
    const ids = values.subarray(offsets[i], offsets[i + 1]);
    const answers = [...ids.subarray(2, 4), ...ids.subarray(5)];
    labels += answers.length;
    for (const id of answers.slice(0, -1)) bytes += `t${id}`.length;
  });
  assert.equal(tokens[0], labels);
  assert.ok(Math.abs(bits_per_byte[0]! - loss[0] * labels / Math.LN2 / bytes) < 1e-9);
});

Deno.test("without a tokenizer bits per byte of examples are left empty, and the log says why", async () => {
  const { "tokenizer.json": _, ...model } = tinyModel(3);
  const { source, bits_per_byte, logs } = await evaluated(
    { by_example: ["qa"] },
    { models: { bare: model } },
  );
  assert.equal(bits_per_byte[source.indexOf("qa")], null);
  assert.match(logs.join(), /bits per byte of "qa" are left empty: there is no tokenizer/);
});

Deno.test("a source smaller than a sequence is measured on what it has", async () => {
  const data = tinyTokens({
    general: { documents: 21, stride: 2 },
    tiny: { documents: 1, stride: 3 },
  });
  const { source, loss, tokens, logs } = await evaluated({ sequence_length: 64 }, {
    tokens: { data },
  });
  const row = source.indexOf("tiny");
  assert.ok(tokens[row] >= 8 && tokens[row] < 24);
  assert.ok(Math.abs(loss[row] - Math.log(VOCAB_SIZE)) < 1e-5);
  assert.match(
    logs.join("\n"),
    /source "tiny" on "tokens" has \d+ tokens, less than a sequence of 65/,
  );
  const nothing = { tokens: { data: tinyTokens({}) } };
  await assert.rejects(() => evaluated({}, nothing), /the input "tokens" has nothing to measure/);
});

Deno.test("a model whose loss is not a number is named", async () => {
  const models = { broken: tinyModel(3, 4e39) }; // its logits are beyond float32
  await assert.rejects(
    () => evaluated({}, { models }),
    /loss of "broken" on "general" is (NaN|Infinity); the weights it starts from overflow: use another checkpoint/,
  );
});

Deno.test("sources measured by example must be measured", async () => {
  await assert.rejects(
    () => evaluated({ by_example: ["qua"] }),
    /by_example names "qua", but what is measured is "general", "qa"/,
  );
  await assert.rejects(() => evaluated({ sources: ["qa", "qa"] }), /"qa" is listed twice/);
});

Deno.test("a model whose weights or logits are not finite gives an error", async () => {
  const rejects = (scale: number, message: RegExp) =>
    assert.rejects(evaluated({}, { models: { broken: tinyModel(3, scale) } }), message);
  await rejects(4e39, /loss of "broken" on "general" is NaN; the weights it starts from overflow/);
  await rejects(1e45, /"embed_out.weight" has .* NaN or infinite weight/);
});

Deno.test("models of different tokenizers are not measured on the same tokens", async () => {
  const file = JSON.parse(TINY_TOKENIZER["tokenizer.json"]);
  const vocab = { ...file.model.vocab, t1: 2, t2: 1 };
  const other = {
    ...tinyModel(4),
    "tokenizer.json": JSON.stringify({ ...file, model: { ...file.model, vocab } }),
  };
  await assert.rejects(
    () => evaluated({}, { models: { own: tinyModel(3), other } }),
    /models "own" and "other" have different tokenizers.*compare bits per byte/,
  );
});

Deno.test("the average over documents is the mean of the losses of single documents", async () => {
  const config = { average: "document", sequence_length: 20 } as const;
  const all = await evaluated(config);
  assert.ok(all.bits_per_byte.every((bits) => bits === null));
  assert.match(
    all.logs.join("\n"),
    /bits per byte of "general" are left empty: its loss is a mean over/,
  );
  for (const source of ["general", "qa"]) {
    /** Each document as a source of its own, of which the loss is measured over its tokens. */
    const rows = TOKENS.source.flatMap((name, i) => name === source ? [i] : []);
    const single = {
      ...TOKENS,
      source: TOKENS.source.map((name, i) => name === source ? `document_${i}` : "other"),
    };
    const names = rows.map((i) => `document_${i}`);
    const { model, loss, tokens } = await evaluated(
      { sources: names, by_example: names, sequence_length: 20 },
      { tokens: { data: single } },
    );
    const of_sharp = loss.filter((_, i) => model[i] === "sharp");
    const counts = tokens.filter((_, i) => model[i] === "sharp");
    const mean = of_sharp.reduce((sum, value) => sum + value, 0) / rows.length;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const by_token = of_sharp.reduce((sum, value, i) => sum + value * counts[i], 0) / total;
    const row = all.model.findIndex((name, i) => name === "sharp" && all.source[i] === source);
    assert.ok(Math.abs(all.loss[row] - mean) < 1e-5 * mean, `${all.loss[row]} is not ${mean}`);
    assert.equal(all.tokens[row], total);
    assert.ok(Math.abs(mean - by_token) > 1e-3 * mean, "documents of equal lengths show nothing");
  }
});
