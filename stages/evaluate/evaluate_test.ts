import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens, VOCAB_SIZE } from "../../tests/shared/tiny_training.ts";
import { evaluate } from "./mod.ts";

async function evaluated(config = {}) {
  const fake = await fakeContext(evaluate, {
    config: { sequence_length: 16, micro_batch_size: 4, threads: 1, ...config },
    inputs: {
      models: { uniform: tinyModel(3, 0), sharp: tinyModel(3, 100) },
      tokens: {
        data: tinyTokens({
          general: { documents: 21, stride: 2 },
          qa: { documents: 7, stride: 3, prompt_length: 4 },
        }),
      },
    },
  });
  await evaluate.run(fake.ctx);
  return fake.collected().evaluation;
}

Deno.test("an untrained model has loss log V on every source", async () => {
  const { model, source, loss, bits_per_byte, tokens } = await evaluated({ by_example: ["qa"] });
  assert.deepEqual(model, ["uniform", "uniform", "sharp", "sharp"]);
  assert.deepEqual(source, ["general", "qa", "general", "qa"]);
  for (const i of [0, 1]) assert.ok(Math.abs(loss[i] - Math.log(VOCAB_SIZE)) < 1e-5);
  // The synthetic documents have 4 bytes per token: log2(64) / 4. It is unknown with masked prompts.
  assert.ok(Math.abs(bits_per_byte[0] - 1.5) < 1e-5);
  assert.ok(Number.isNaN(bits_per_byte[1]));
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
