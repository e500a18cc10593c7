import assert from "node:assert/strict";
import { fakeContext } from "../../tests/fake_context.ts";
import { TINY_MODEL, TINY_TOKENIZER, tinyTokens } from "../../tests/tiny_training.ts";
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

Deno.test("pretraining learns, and writes a whole Hugging Face folder", async () => {
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

Deno.test("the ledger tells requested and drawn shares", async () => {
  const { mixture } = await trained();
  assert.deepEqual(mixture.source, ["code", "general"]);
  assert.deepEqual([...mixture.requested_share], [0.25, 0.75]);
  assert.deepEqual([...mixture.achieved_share], [0.25, 0.75]);
});

Deno.test("the same seed gives the same bytes, another one does not", async () => {
  const weights = async (seed: number) =>
    (await trained({ steps: 5 }, seed)).checkpoint.get("model.safetensors")!;
  const [first, again, other] = [await weights(7), await weights(7), await weights(8)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
});

Deno.test("an interrupted run goes on to the same bytes", async () => {
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
  assert.match(last.logs.join("\n"), /going on from step 17 of 30/);
  assert.deepEqual(last.collected(), undisturbed);
});

Deno.test("mistakes are named before the first step", async () => {
  const fails = async (config: object, message: RegExp) => {
    await assert.rejects(async () => await pretrain.run((await start(config)).ctx), message);
  };
  await fails({ mixture: { generl: 1 } }, /generl/);
  await fails({ steps: 5000 }, /general|code/);
  await fails({ steps: 20, horizon_steps: 10 }, /horizon_steps: must not be smaller than steps/);
  await fails({ sequence_length: 4096 }, /less than one sequence: add/);
  await fails({ learning_rate: 1 }, /learning_rate/);
});

Deno.test("a learning rate that diverges stops with a clear error", async () => {
  const fake = await start({ schedule: { peak_lr: 1e30 }, optimizer: { max_grad_norm: null } });
  await assert.rejects(() => pretrain.run(fake.ctx), /lower the learning rate/);
});
