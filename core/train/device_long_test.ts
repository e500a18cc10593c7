/**
 * Training on devices against training on the CPU. The device trainer also runs on the CPU itself, so that its own
 * logic is tested wherever there is no device.
 */
import assert from "node:assert/strict";
import { deviceTest } from "../../tests/shared/devices.ts";
import type { MicroBatch } from "../batches/mod.ts";
import { compile, computeOptions, type Device } from "../engine/mod.ts";
import { lowerToOnnx } from "../graph/mod.ts";
import { initialize, type ModelConfig, ParameterArrays, trainGraph } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import {
  encodeCheckpoint,
  freshArrays,
  freshState,
  HostTrainer,
  loadArrays,
  loadTrainerState,
  optimizer_schema,
  type Trainer,
} from "./mod.ts";
import { DeviceTrainer } from "./device_trainer.ts";

const gpt_neox: ModelConfig = {
  vocab_size: 50,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 128,
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
};

/** Heads share keys and values, and both embeddings are one parameter. */
const llama: ModelConfig = {
  model_type: "llama",
  vocab_size: 50,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  intermediate_size: 40,
  max_position_embeddings: 128,
  rope_theta: 10000,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};

const optimizer = optimizer_schema.parse({});
const LEARNING_RATE = 1e-2;

function startArrays(config = gpt_neox) {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 3);
  return freshArrays(parameters);
}

/**
 * Two micro-batches of two rows; ids repeat often, as in text. With `documents`, rows hold two of them that are hidden
 * from each other, and are long enough for attention in blocks.
 */
function globalBatch(step: number, documents = false): MicroBatch[] {
  const random = new Random(5, "device_test", step);
  const [rows, length] = [2, documents ? 128 : 16];
  return [0, 1].map(() => {
    const input_ids = Int32Array.from(
      { length: rows * length },
      () => random.below(gpt_neox.vocab_size) >> random.below(4),
    );
    const labels = input_ids.map((id) => (3 * id + 1) % gpt_neox.vocab_size);
    const loss_weights = new Float32Array(rows * length).fill(1 / (2 * rows * length));
    const batch = { rows, length, input_ids, labels, loss_weights, supervised: rows * length };
    if (!documents) return batch;
    const start = 1 + random.below(length - 1);
    return { ...batch, document_start: input_ids.map((_, i) => i % length < start ? 0 : start) };
  });
}

const onHost = (arrays = startArrays()) =>
  new HostTrainer(arrays, optimizer, computeOptions({ threads: 1 }));
const onDevice = (device: Device, arrays = startArrays()) =>
  DeviceTrainer.create(arrays, optimizer, computeOptions({ threads: 1, device }));

async function losses(trainer: Trainer, steps: number[]): Promise<number[]> {
  const result = [];
  for (const step of steps) {
    result.push((await trainer.step(globalBatch(step), LEARNING_RATE)).loss);
  }
  return result;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((max, x, i) => Math.max(max, Math.abs(x - b[i])), 0);
}

for (const [name, config] of Object.entries({ gpt_neox, llama })) {
  const start = () => startArrays(config);
  for (const documents of [false, true]) {
    deviceTest(
      `${name}: gradients${
        documents ? " within documents" : ""
      } are the CPU's within 1e-5 of their largest entry`,
      ["cpu", "webgpu", "cuda"],
      async (device) => {
        const [host, other] = [onHost(start()), await onDevice(device, start())];
        const batch = globalBatch(0, documents);
        const expected = await host.gradient(batch);
        const { loss, gradient } = await other.gradient(batch);
        assert.ok(Math.abs(loss - expected.loss) < 1e-5);
        for (const [name, data] of expected.gradient.views) {
          const largest = largestDifference(data, new Float32Array(data.length));
          const error = largestDifference(data, gradient.get(name)) / largest;
          assert.ok(error < 1e-5, `${name} differs by ${error} of its largest entry`);
        }
        await host.release();
        await other.release();
      },
    );
  }

  deviceTest(
    `${name}: a training run follows the CPU's, repeats to the bit, and continues from its checkpoint on the CPU`,
    ["cpu", "webgpu", "cuda"],
    async (device) => {
      const steps = [0, 1, 2, 3, 4, 5];
      const host = onHost(start());
      const expected = await losses(host, steps);
      await host.release();

      const other = await onDevice(device, start());
      const actual = await losses(other, steps.slice(0, 4));
      assert.ok(largestDifference(actual, expected) < 1e-4, `${actual} against ${expected}`);
      assert.ok(expected[5] < expected[0] - 0.3, "the run learns nothing");
      const begun = {
        schedule: { peak_lr: 1, min_lr: 0, warmup_ratio: 0, horizon_steps: 6 },
        optimizer,
        sequence_length: 16,
        global_batch_size: 4,
        seed: 0,
        phase: "test",
      };
      const files = encodeCheckpoint(await other.arrays(), { ...freshState(begun), step: 4 });

      const again = await onDevice(device, start());
      assert.deepEqual(await losses(again, steps.slice(0, 4)), actual);
      assert.deepEqual(await again.arrays(), await other.arrays());
      await again.release();
      await other.release();

      const read = (name: string) => Promise.resolve(files[name] as Uint8Array<ArrayBuffer>);
      const arrays = await loadArrays(read, await loadTrainerState(read));
      const resumed = new HostTrainer(arrays, optimizer, computeOptions({ threads: 1 }));
      const rest = await losses(resumed, steps.slice(4));
      assert.ok(largestDifference(rest, expected.slice(4)) < 1e-4, `${rest} against ${expected}`);
      await resumed.release();
    },
  );
}

deviceTest(
  "float16 runs, or the error says that the device has none",
  ["webgpu", "cuda"],
  async (device) => {
    const trainer = await DeviceTrainer.create(
      startArrays(),
      optimizer,
      computeOptions({ threads: 1, device, precision: "float16" }),
    );
    try {
      const expected = await losses(onHost(), [0, 1, 2]);
      assert.ok(largestDifference(await losses(trainer, [0, 1, 2]), expected) < 2e-2);
    } catch (error) {
      assert.match(
        (error as Error).message,
        new RegExp(`${device} device has no float16.*"float32"`),
      );
    } finally {
      await trainer.release();
    }
  },
);

Deno.test("an overflow halves the loss scale and computes the step again", async () => {
  // On the CPU the products stay in float32, so that only the scaling itself is at work.
  const compute = { ...computeOptions({ threads: 1 }), precision: "float16" } as const;
  const loss_scale = { scale: 2 ** 130, finite_steps: 0 };
  const trainer = await DeviceTrainer.create({ ...startArrays(), loss_scale }, optimizer, compute);
  const host = onHost();
  const [scaled] = await losses(trainer, [0]);
  assert.ok(Math.abs(scaled - (await losses(host, [0]))[0]) < 1e-5);
  const after = await trainer.arrays(), expected = await host.arrays();
  assert.ok(after.loss_scale!.scale < 2 ** 130 && after.loss_scale!.finite_steps === 1);
  assert.equal(after.steps, 1);
  for (const [name, data] of expected.parameters.views) {
    assert.ok(largestDifference(data, after.parameters.get(name)) < 1e-3, name);
  }
  await trainer.release();
  await host.release();
});

Deno.test("float16 puts every matrix product, and nothing else, between casts", () => {
  const { graph } = trainGraph(gpt_neox, { rows: 1, length: 8 });
  const count = (bytes: Uint8Array, op: string) =>
    new TextDecoder("latin1").decode(bytes).match(new RegExp(`\\b${op}_\\d+`, "g"))?.length ?? 0;
  const plain = lowerToOnnx(graph), half = lowerToOnnx(graph, { half_products: true });
  const products = (bytes: Uint8Array) =>
    count(bytes, "Gemm") + count(bytes, "FusedMatMul") + count(bytes, "MatMul");
  assert.ok(products(plain) > 20);
  assert.equal(products(half), products(plain));
  assert.equal(count(half, "Cast"), count(plain, "Cast") + 3 * products(plain));
});

Deno.test("the error for a missing device names it and the fix", async () => {
  const { graph } = trainGraph(gpt_neox, { rows: 1, length: 8 });
  for (const device of ["webgpu", "cuda"] as const) {
    try {
      await (await compile(graph, { device })).release();
    } catch (error) {
      assert.equal((error as Error).name, "DeviceUnavailable");
      assert.match(
        (error as Error).message,
        new RegExp(`no ${device} device: .*choose device "cpu"`),
      );
    }
  }
});
