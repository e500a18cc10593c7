import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { TINY_MODEL, TINY_TOKENIZER, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { pretrain } from "./mod.ts";

const CONFIG = {
  model: TINY_MODEL,
  mixture: { general: 3, code: 1 },
  sequence_length: 16,
  global_batch_size: 8,
  micro_batch_size: 4,
  steps: 30,
  schedule: { peak_lr: 1e-2 },
  validation: { every_steps: 10, max_sequences: 8 },
  threads: 1,
};

const INPUTS = {
  tokenizer: TINY_TOKENIZER,
  train: {
    data: tinyTokens({
      general: { documents: 300, stride: 2 },
      code: { documents: 80, stride: 5 },
    }),
  },
  validation: { data: tinyTokens({ general: { documents: 20, stride: 2 } }) },
};

const start = (config = {}, seed = 7) =>
  fakeContext(pretrain, { config: { ...CONFIG, ...config }, inputs: INPUTS, seed });

async function trained(config = {}, seed = 7) {
  const fake = await start(config, seed);
  await pretrain.run(fake.ctx);
  return fake.collected();
}

Deno.test("pretraining learns, and writes a complete Hugging Face folder", async () => {
  const { checkpoint, training, validation } = await trained();
  assert.deepEqual([...checkpoint.keys()].sort(), [
    "config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "trainer_state.json",
  ]);
  assert.deepEqual([...training.step], Array.from({ length: 30 }, (_, i) => i + 1));
  assert.equal(training.tokens.at(-1), 30 * 8 * 16);
  assert.ok(training.loss[0] > 4 && training.loss.at(-1)! < 3.3, `${training.loss}`);
  assert.deepEqual([...validation.step], [0, 10, 20, 30]);
  assert.ok(validation.loss[3] < validation.loss[0]);
});

Deno.test("the ledger has requested and drawn shares", async () => {
  const { mixture } = await trained();
  assert.deepEqual(mixture.source, ["code", "general"]);
  assert.deepEqual([...mixture.requested_share], [0.25, 0.75]);
  assert.deepEqual([...mixture.achieved_share], [0.25, 0.75]);
});

Deno.test("best fit with a document mask learns, and its samples show document starts", async () => {
  const config = {
    packing: "best_fit",
    document_mask: true,
    sequence_length: 32,
    steps: 20,
  } as const;
  const { training, mixture, samples, checkpoint } = await trained(config);
  assert.ok(training.loss.at(-1)! < training.loss[0] - 0.5, `${training.loss}`);
  // Padding does not count: the tokens drawn are those the trainer counted.
  const drawn = mixture.tokens.reduce((a, b) => a + b);
  assert.equal(drawn, training.tokens.at(-1));
  assert.ok(drawn < 20 * 8 * 32 && drawn > 0.9 * 20 * 8 * 32, `${drawn}`);
  const first = [...samples.row.keys()].filter((i) => samples.row[i] === 0);
  assert.ok(Math.max(...first.map((i) => samples.document[i])) >= 1);
  // Each document ends with t0; the first token of each is context, not supervised.
  const texts = first.filter((i) => samples.supervised[i]).map((i) => samples.text[i]);
  assert.ok(texts.every((text) => text.endsWith("t0")), texts.join("|"));
  assert.ok(first.filter((i) => !samples.supervised[i]).every((i) => samples.tokens[i] === 1));
  const state = JSON.parse(new TextDecoder().decode(checkpoint.get("trainer_state.json")));
  assert.deepEqual(state.packing, { document_mask: true, packing: "best_fit" });
});

Deno.test("inspect returns the batch that is trained on, without training", async () => {
  const fake = await start();
  const seen = await pretrain.inspect!(fake.ctx, { step: 0, rows: 4 });
  assert.deepEqual(seen, (await trained()).samples);
  const later = await pretrain.inspect!(fake.ctx, { step: 29, rows: 2 });
  assert.deepEqual([...new Set(later.row)], [0, 1]);
  assert.deepEqual([...new Set(later.step)], [29]);
  assert.equal(later.tokens[0], 1); // the first token of a row has nothing to be predicted from
  assert.equal(later.tokens[1], 16);
  await assert.rejects(pretrain.inspect!(fake.ctx, { step: 30, rows: 1 }), /there is no step 30/);
});

Deno.test("the same seed gives the same bytes, another one different bytes", async () => {
  const weights = async (seed: number) =>
    (await trained({ steps: 5 }, seed)).checkpoint.get("model.safetensors")!;
  const [first, again, other] = [await weights(7), await weights(7), await weights(8)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
});

Deno.test("an interrupted run resumes to the same bytes", async () => {
  const undisturbed = await trained();
  // Stopped once between steps, once at an evaluation, once more after that.
  const interrupted = await start();
  for (const stop_at of [3, 10, 17]) {
    const run = await start();
    const ctx = {
      ...run.ctx,
      checkpoints: interrupted.ctx.checkpoints,
      report: (step: number) => step === stop_at && run.abort(new Error("asked to stop")),
    };
    await assert.rejects(() => pretrain.run(ctx), /asked to stop/);
  }
  const last = await start();
  await pretrain.run({ ...last.ctx, checkpoints: interrupted.ctx.checkpoints });
  assert.match(last.logs.join("\n"), /resuming at step 17 of 30/);
  assert.deepEqual(last.collected(), undisturbed);
});

Deno.test("invalid configs give an error before the first step", async () => {
  const fails = async (config: object, message: RegExp) => {
    await assert.rejects(async () => await pretrain.run((await start(config)).ctx), message);
  };
  await fails({ mixture: { generl: 1 } }, /generl/);
  await fails({ steps: 5000 }, /general|code/);
  await fails(
    { steps: 20, horizon_steps: 10 },
    /a horizon of 10 steps is shorter than this phase of 20 steps; raise horizon_steps/,
  );
  await fails({ sequence_length: 4096 }, /would repeat data/);
  await fails({ learning_rate: 1 }, /learning_rate/);
});

Deno.test("a diverging learning rate stops with a clear error", async () => {
  const fake = await start({ schedule: { peak_lr: 1e30 }, optimizer: { max_grad_norm: null } });
  await assert.rejects(() => pretrain.run(fake.ctx), /lower the learning rate/);
});

Deno.test("config.json has the ids of the tokenizer's special tokens", async () => {
  const settings = JSON.stringify({ eos_token: "t5", bos_token: "t3" });
  const tokenizer = {
    ...TINY_TOKENIZER,
    "tokenizer_config.json": settings,
    "chat_template.jinja": "{{ messages }}",
  };
  const fake = await fakeContext(pretrain, {
    config: { ...CONFIG, steps: 2 },
    inputs: { ...INPUTS, tokenizer },
    seed: 1,
  });
  await pretrain.run(fake.ctx);
  const { checkpoint } = fake.collected();
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
  const { bos_token_id, eos_token_id } = JSON.parse(text(checkpoint.get("config.json")));
  assert.deepEqual([bos_token_id, eos_token_id], [3, 5]);
  assert.equal(text(checkpoint.get("chat_template.jinja")), "{{ messages }}");
});
