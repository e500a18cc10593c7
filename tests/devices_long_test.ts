/** Stages on devices give the same results as on the CPU. */
import assert from "node:assert/strict";
import { cka } from "@causeway/stages/cka";
import { evaluate } from "@causeway/stages/evaluate";
import { midtrain } from "@causeway/stages/midtrain";
import { pretrain } from "@causeway/stages/pretrain";
import type { Device } from "@causeway/core/engine";
import { deviceTest } from "./shared/devices.ts";
import { fakeContext } from "./shared/fake_context.ts";
import { TINY_MODEL, TINY_TOKENIZER, tinyModel, tinyTokens } from "./shared/tiny_training.ts";

const TOKENS = tinyTokens({ general: { documents: 60, stride: 2 } });

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  assert.equal(actual.length, expected.length);
  const errors = Array.from(actual, (value, i) => Math.abs(value - expected[i]));
  assert.ok(Math.max(...errors) < tolerance, `differs by ${Math.max(...errors)}`);
}

async function train(device: Device) {
  const { ctx, collected } = await fakeContext(pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: { general: 1 },
      sequence_length: 16,
      global_batch_size: 4,
      micro_batch_size: 2,
      steps: 4,
      horizon_steps: 6,
      schedule: { peak_lr: 1e-2 },
      validation: { every_steps: 4, max_sequences: 2 },
      threads: 1,
      device,
    },
    inputs: { tokenizer: TINY_TOKENIZER, train: { data: TOKENS }, validation: { data: TOKENS } },
    seed: 7,
  });
  await pretrain.run(ctx);
  return collected();
}

deviceTest(
  "pretraining, and midtraining on the CPU from there",
  ["webgpu", "cuda"],
  async (device) => {
    const [expected, actual] = [await train("cpu"), await train(device)];
    assertClose(actual.training.loss, expected.training.loss, 1e-4);
    assertClose(actual.validation.loss, expected.validation.loss, 1e-4);
    const after = async ({ checkpoint }: typeof actual) => {
      const { ctx, collected } = await fakeContext(midtrain, {
        config: { mixture: { general: 1 }, micro_batch_size: 2, threads: 1 },
        inputs: {
          checkpoint: Object.fromEntries(checkpoint),
          train: { data: TOKENS },
          validation: { data: TOKENS },
        },
        seed: 7,
      });
      await midtrain.run(ctx);
      return collected().training;
    };
    const [from_cpu, from_device] = [await after(expected), await after(actual)];
    assert.deepEqual([...from_device.step], [5, 6]);
    assertClose(from_device.loss, from_cpu.loss, 1e-4);
  },
);

deviceTest("evaluation and CKA", ["webgpu", "cuda"], async (device) => {
  const models = { a: tinyModel(1), b: tinyModel(2) };
  const measure = async (device: Device) => {
    const common = {
      sequence_length: 16,
      max_sequences: 4,
      micro_batch_size: 2,
      threads: 1,
      device,
    };
    const evaluation = await fakeContext(evaluate, {
      config: common,
      inputs: { models, tokens: { data: TOKENS } },
      seed: 1,
    });
    await evaluate.run(evaluation.ctx);
    const similarity = await fakeContext(cka, {
      config: { ...common, probes: ["general"] },
      inputs: { models, probes: { data: TOKENS } },
      seed: 1,
    });
    await cka.run(similarity.ctx);
    return {
      loss: evaluation.collected().evaluation.loss,
      cka: similarity.collected().cka.cka,
    };
  };
  const [expected, actual] = [await measure("cpu"), await measure(device)];
  assertClose(actual.loss, expected.loss, 1e-5);
  assertClose(actual.cka, expected.cka, 1e-5);
});
