/** A hundred steps twice over: equal seed, device and threads give equal bits; other thread counts come within a tolerance. */
import { type Compute, computeOptions } from "../engine/mod.ts";
import assert from "node:assert/strict";
import { kernelsTest, oneDnnTest } from "../../tests/shared/devices.ts";
import type { MicroBatch } from "../batches/mod.ts";
import { initialize, ParameterArrays } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import { freshArrays, HostTrainer, optimizer_schema } from "./mod.ts";

const STEPS = 100;

/** Large enough for ONNX Runtime to share every kind of operator out to threads. */
const config = {
  vocab_size: 768,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 256,
  max_position_embeddings: 128,
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
};

function batch(step: number): MicroBatch {
  const random = new Random(2, "same_bits", step);
  const [rows, length] = [4, 64];
  const input_ids = Int32Array.from({ length: rows * length }, () => random.below(768));
  const labels = input_ids.map((id) => (5 * id + 1) % 768);
  const loss_weights = new Float32Array(rows * length).fill(1 / (rows * length));
  return { rows, length, input_ids, labels, loss_weights, supervised: rows * length };
}

/** Losses of the steps, and the weights after them. */
async function train(steps: number, compute: Partial<Compute>) {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  const optimizer = optimizer_schema.parse({});
  const trainer = new HostTrainer(
    freshArrays(parameters),
    optimizer,
    computeOptions({ workers: 0, ...compute }),
  );
  const losses = [];
  for (let step = 0; step < steps; step++) {
    losses.push((await trainer.step([batch(step)], 1e-3)).loss);
  }
  await trainer.release();
  return { losses, parameters };
}

function checkSameBits(first: ParameterArrays, again: ParameterArrays): void {
  for (const [name, weights] of first.views) {
    const values = again.get(name);
    assert.ok(weights.every((weight, i) => Object.is(weight, values[i])), `${name} differs`);
  }
}

/**
 * What weights may differ by between thread counts: operators may add partial sums in another order then. On the
 * processors tried so far (x86-64, AVX-512) ONNX Runtime gave the same bits with 1 to 4 threads; oneDNN cuts sums by
 * the number of threads, and Adam scales up what rounding does to gradients near zero.
 */
const TOLERANCE = { onnxruntime: 1e-6, onednn: 2e-3 };

kernelsTest(`${STEPS} steps with equal seed and threads give the same bits`, async (kernels) => {
  const first = await train(STEPS, { threads: 2, kernels });
  checkSameBits(first.parameters, (await train(STEPS, { threads: 2, kernels })).parameters);
  for (const threads of [1, 3]) {
    const other = (await train(STEPS, { threads, kernels })).parameters;
    for (const [name, weights] of first.parameters.views) {
      const values = other.get(name);
      const error = weights.reduce((max, w, i) => Math.max(max, Math.abs(w - values[i])), 0);
      const tolerance = TOLERANCE[kernels];
      assert.ok(error <= tolerance, `${name} differs by ${error} with ${threads} threads`);
    }
  }
});

oneDnnTest(
  `${STEPS} steps in bfloat16 give the same bits, and losses near float32's`,
  "bfloat16",
  async () => {
    const compute = { threads: 2, precision: "bfloat16" } as const;
    const first = await train(STEPS, compute);
    checkSameBits(first.parameters, (await train(STEPS, compute)).parameters);
    const exact = await train(STEPS, { threads: 2 });
    assert.ok(exact.losses.at(-1)! < 0.9 * exact.losses[0], "nothing was learnt");
    first.losses.forEach((loss, step) => {
      const error = Math.abs(loss / exact.losses[step] - 1);
      assert.ok(
        error < 1e-2,
        `at step ${step} the loss is ${loss}, and ${exact.losses[step]} in float32`,
      );
    });
  },
);
