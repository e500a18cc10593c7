import assert from "node:assert/strict";
import { readSafetensors } from "../../core/model/mod.ts";
import { fakeContext } from "../../tests/fake_context.ts";
import { assertClose, TINY_MODEL, TINY_TOKENIZER, tinyTokens } from "../../tests/tiny_training.ts";
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

async function trunk(steps: number) {
  const fake = await fakeContext(pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: { general: 1 },
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
    config: { mixture: { general: 1 }, micro_batch_size: 8, threads: 1, ...config },
    inputs: { checkpoint: Object.fromEntries(from.checkpoint), ...TOKENS },
    seed: 99, // must not matter: the order of the data is the trunk's
  });
  await midtrain.run(fake.ctx);
  return fake.collected();
}

type Files = ReadonlyMap<string, Uint8Array>;
const state = (files: Files) =>
  JSON.parse(new TextDecoder().decode(files.get("trainer_state.json")));

Deno.test("a branch on the same mixture is the trunk, continued", async () => {
  const whole = await trunk(20);
  const continued = await branch(await trunk(12));
  assert.deepEqual([...continued.training.step], [13, 14, 15, 16, 17, 18, 19, 20]);
  assert.deepEqual(continued.training.learning_rate, whole.training.learning_rate.slice(12));
  assert.equal(state(continued.checkpoint).drawn.general, 160);
  // The same sequences in another order within each batch: equal but for rounding.
  assertClose(continued.training.loss, whole.training.loss.slice(12), 1e-4);
  const weights = (files: Files) => readSafetensors(files.get("model.safetensors")!, "model");
  const expected = weights(whole.checkpoint);
  for (const [name, { data }] of weights(continued.checkpoint)) {
    if (name.endsWith("query_key_value.bias")) continue; // parts of it have no gradient but noise
    assertClose(data, expected.get(name)!.data, 2e-3);
  }
});

Deno.test("another mixture is drawn at its weights, and nothing twice", async () => {
  const { mixture, checkpoint } = await branch(await trunk(12), {
    mixture: { general: 0.75, code: 0.25 },
  });
  assert.deepEqual(mixture.source, ["code", "general"]);
  assert.deepEqual([...mixture.achieved_share], [0.25, 0.75]);
  assert.deepEqual(state(checkpoint).drawn, { code: 16, general: 96 + 48 });
});

Deno.test("a source of another size than the trunk's is refused", async () => {
  const { checkpoint } = await trunk(12);
  const fewer = { data: tinyTokens({ general: { documents: 390, stride: 2 } }) };
  const fake = await fakeContext(midtrain, {
    config: { mixture: { general: 1 }, threads: 1 },
    inputs: { checkpoint: Object.fromEntries(checkpoint), train: fewer },
  });
  await assert.rejects(() => midtrain.run(fake.ctx), /"general" holds \d+ sequences, and held \d+/);
});

Deno.test("steps past the horizon are refused with the mend", async () => {
  const from = await trunk(12);
  await assert.rejects(
    () => branch(from, { steps: 9 }),
    /9 more steps do not fit; raise horizon_steps/,
  );
});

Deno.test("a source that would have to repeat is refused before the first step", async () => {
  const few = { data: tinyTokens({ code: { documents: 10, stride: 5 } }) };
  const from = await trunk(12);
  const fake = await fakeContext(midtrain, {
    config: { mixture: { code: 1 }, threads: 1 },
    inputs: { checkpoint: Object.fromEntries(from.checkpoint), train: few },
  });
  await assert.rejects(() => midtrain.run(fake.ctx), /code/);
  assert.deepEqual(fake.reports, []);
});
