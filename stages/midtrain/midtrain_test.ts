import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { TINY_MODEL, TINY_TOKENIZER, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { pretrain } from "../pretrain/mod.ts";
import { midtrain } from "./mod.ts";

const TOKENS = {
  train: {
    data: tinyTokens({
      general: { documents: 400, stride: 2 },
      code: { documents: 80, stride: 5 },
    }),
  },
  validation: { data: tinyTokens({ general: { documents: 20, stride: 2 } }) },
};

type Mixture = Parameters<typeof pretrainConfig>[0];

const pretrainConfig = (mixture: Record<string, number> | object[]) => mixture as never;

async function trunk(steps: number, mixture: Mixture = { general: 1 }) {
  const fake = await fakeContext(pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: pretrainConfig(mixture),
      sequence_length: 16,
      global_batch_size: 8,
      micro_batch_size: 8,
      steps,
      horizon_steps: 20,
      schedule: { peak_lr: 1e-2 },
      threads: 1,
    },
    inputs: { tokenizer: TINY_TOKENIZER, ...TOKENS },
  });
  await pretrain.run(fake.ctx);
  return fake.collected();
}

async function branch(from: Awaited<ReturnType<typeof trunk>>, config = {}) {
  const fake = await fakeContext(midtrain, {
    config: { micro_batch_size: 8, threads: 1, ...config },
    inputs: { checkpoint: Object.fromEntries(from.checkpoint), ...TOKENS },
    seed: 99, // must not matter: the order of the data is the trunk's
  });
  await midtrain.run(fake.ctx);
  return fake.collected();
}

type Files = ReadonlyMap<string, Uint8Array>;
const state = (files: Files) =>
  JSON.parse(new TextDecoder().decode(files.get("trainer_state.json")));

Deno.test("a branch on the same mixture, set or not, equals the continued trunk, bit for bit", async () => {
  const whole = await trunk(20);
  const stem = await trunk(12);
  for (const config of [{}, { mixture: { general: 2 } }]) {
    const continued = await branch(stem, config);
    assert.deepEqual([...continued.training.step], [13, 14, 15, 16, 17, 18, 19, 20]);
    assert.deepEqual(continued.training.learning_rate, whole.training.learning_rate.slice(12));
    assert.deepEqual(continued.training.loss, whole.training.loss.slice(12));
    for (const file of ["model.safetensors", "optimizer.safetensors"]) {
      assert.deepEqual(continued.checkpoint.get(file), whole.checkpoint.get(file));
    }
  }
});

Deno.test("a mixture that switches within a run equals a trunk with a branch, bit for bit", async () => {
  const mixed = { general: 0.75, code: 0.25 };
  const single = await trunk(20, [
    { after_tokens: 0, weights: { general: 1 } },
    { after_tokens: 12 * 8 * 16, weights: mixed },
  ]);
  const branched = await branch(await trunk(12), { mixture: mixed });
  assert.deepEqual(branched.training.loss, single.training.loss.slice(12));
  for (const file of ["model.safetensors", "optimizer.safetensors"]) {
    assert.deepEqual(branched.checkpoint.get(file), single.checkpoint.get(file));
  }
  assert.deepEqual([...single.mixture.from_token], [0, 1536, 1536]);
  assert.deepEqual([...single.mixture.tokens], [1536, 256, 768]);
});

Deno.test("midtraining may follow midtraining", async () => {
  const first = await branch(await trunk(8), { mixture: { general: 0.5, code: 0.5 }, steps: 4 });
  const second = await branch(first, { mixture: { code: 1 }, steps: 5 });
  const pieces = state(second.checkpoint).mixture;
  assert.deepEqual(pieces.map(({ from }: { from: number }) => from), [0, 64, 96]);
  assert.equal(second.mixture.source.join(), "code");
  assert.equal(second.mixture.epochs[0] - second.mixture.phase_epochs[0] > 0, true);
});

Deno.test("another mixture is drawn at its weights, without repeats", async () => {
  const { mixture, checkpoint } = await branch(await trunk(12), {
    mixture: { general: 0.75, code: 0.25 },
  });
  assert.deepEqual(mixture.source, ["code", "general"]);
  assert.deepEqual([...mixture.achieved_share], [0.25, 0.75]);
  assert.deepEqual([...mixture.tokens], [16 * 16, 48 * 16]);
  assert.deepEqual(state(checkpoint).mixture, [
    { from: 0, weights: { general: 1 } },
    { from: 96, weights: { code: 0.25, general: 0.75 } },
  ]);
});

Deno.test("a source that changed size since the trunk gives an error", async () => {
  const { checkpoint } = await trunk(12);
  const fewer = { data: tinyTokens({ general: { documents: 390, stride: 2 } }) };
  const fake = await fakeContext(midtrain, {
    config: { mixture: { general: 1 }, threads: 1 },
    inputs: { checkpoint: Object.fromEntries(checkpoint), train: fewer },
  });
  await assert.rejects(() => midtrain.run(fake.ctx), /"general" has \d+ sequences, but had \d+/);
});

Deno.test("steps past the horizon give an error with the fix", async () => {
  const from = await trunk(12);
  await assert.rejects(
    () => branch(from, { steps: 9 }),
    /there is no room for 9 more steps; raise horizon_steps/,
  );
});

Deno.test("a source that would repeat gives an error before the first step", async () => {
  const few = { data: tinyTokens({ code: { documents: 10, stride: 5 } }) };
  const from = await trunk(12);
  const fake = await fakeContext(midtrain, {
    config: { mixture: { code: 1 }, threads: 1 },
    inputs: { checkpoint: Object.fromEntries(from.checkpoint), train: few },
  });
  await assert.rejects(() => midtrain.run(fake.ctx), /code/);
  assert.deepEqual(fake.reports, []);
});
