/** A hundred steps twice over: equal seed, device and threads give equal bits; other thread counts come within a tolerance. */
import assert from "node:assert/strict";
import type { MicroBatch } from "../data/mod.ts";
import { initialize, ParameterArrays } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import { computeOptions, freshArrays, HostTrainer, optimizer_schema } from "./mod.ts";

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
  const weights = new Float32Array(rows * length).fill(1 / (rows * length));
  return { rows, length, input_ids, labels, weights, supervised: rows * length };
}

async function weightsAfter(steps: number, threads: number): Promise<ParameterArrays> {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  const optimizer = optimizer_schema.parse({});
  const trainer = new HostTrainer(freshArrays(parameters), optimizer, computeOptions({ threads }));
  for (let step = 0; step < steps; step++) await trainer.step([batch(step)], 1e-3);
  await trainer.release();
  return parameters;
}

/**
 * What weights may differ by between thread counts: operators may add partial sums in another order then. On the
 * processors tried so far (x86-64, AVX-512) 1 to 4 threads gave the same bits.
 */
const TOLERANCE = 1e-6;

Deno.test(`${STEPS} steps with equal seed, device and threads give the same bits`, async () => {
  const [first, again] = [await weightsAfter(STEPS, 2), await weightsAfter(STEPS, 2)];
  for (const [name, weights] of first.views) {
    const values = again.get(name);
    assert.ok(weights.every((weight, i) => Object.is(weight, values[i])), `${name} differs`);
  }
  for (const threads of [1, 3]) {
    const other = await weightsAfter(STEPS, threads);
    for (const [name, weights] of first.views) {
      const values = other.get(name);
      const error = weights.reduce((max, w, i) => Math.max(max, Math.abs(w - values[i])), 0);
      assert.ok(error <= TOLERANCE, `${name} differs by ${error} with ${threads} threads`);
    }
  }
});
