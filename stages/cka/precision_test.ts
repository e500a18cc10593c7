import assert from "node:assert/strict";
import { CkaAccumulator } from "@causeway/core/analysis";
import { collate } from "@causeway/core/batches";
import { compile, computeOptions } from "@causeway/core/engine";
import {
  completeConfig,
  hostWeights,
  initialize,
  logitsGraph,
  ParameterArrays,
  PRESETS,
  type Weights,
} from "@causeway/core/model";
import { Random } from "@causeway/core/random";
import { freshArrays, HiddenStates, HostTrainer, optimizer_schema } from "@causeway/core/train";
import { oneDnnTest } from "../../tests/shared/devices.ts";

const LENGTH = 64, VOCABULARY = 64;
const config = completeConfig(
  { ...PRESETS.mini, hidden_size: 64, intermediate_size: 256, num_attention_heads: 2 },
  VOCABULARY,
);

/** Texts in which a token decides the next one, four times in five. */
function texts(rows: number, seed: number, step: number) {
  const random = new Random(seed, "texts", 0);
  return Array.from({ length: rows }, () => {
    const tokens = new Uint16Array(LENGTH + 1);
    for (let t = 1; t <= LENGTH; t++) {
      const next = (step * tokens[t - 1] + 1) % VOCABULARY;
      tokens[t] = random.below(5) > 0 ? next : random.below(VOCABULARY);
    }
    return { tokens, loss_spans: [0, LENGTH + 1], source: "texts" };
  });
}

async function trained(step: number): Promise<Weights> {
  const compute = computeOptions({ threads: 1, workers: 0 });
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  const arrays = freshArrays(parameters);
  const trainer = new HostTrainer(arrays, optimizer_schema.parse({}), compute);
  const options = { micro_batch_size: 16, lengths: [LENGTH] };
  for (let i = 0; i < 60; i++) await trainer.step(collate(texts(16, i, step), options), 3e-3);
  await trainer.release();
  return hostWeights(parameters);
}

oneDnnTest("CKA and logits in bfloat16 are close to those in float32", "bfloat16", async () => {
  const models = [await trained(3), await trained(5)], probe = texts(16, 1000, 3);
  const layers = config.num_hidden_layers + 1, rows = probe.length * LENGTH;
  const names = ["a", "b"];
  const input_ids = Int32Array.from(probe.flatMap(({ tokens }) => [...tokens.subarray(0, LENGTH)]));
  const results = [];
  for (const precision of ["float32", "bfloat16"] as const) {
    const compute = computeOptions({ threads: 1, workers: 0, precision });
    await using states = new HiddenStates(compute);
    const computed = await states.compute(models, probe);
    const accumulator = new CkaAccumulator({
      states: names.map((name) => ({ name, layers, width: config.hidden_size })),
      pairs: [["a", "b"]],
      estimator: "biased",
      groups: 0,
    });
    await accumulator.add(Object.fromEntries(names.map((name, i) => [name, computed[i]])), rows, 0);
    const graph = logitsGraph(config, { rows: probe.length, length: LENGTH });
    const session = await compile(graph, compute);
    const { logits } = await session.run({ ...models[0].feeds, input_ids });
    await session.release();
    results.push({ cka: Array.from(accumulator.result("a", "b")), logits: logits as Float32Array });
  }
  const [exact, rounded] = results;
  const cka_error = Math.max(...exact.cka.map((value, i) => Math.abs(value - rounded.cka[i])));
  let logit_error = 0;
  exact.logits.forEach((value, i) => {
    logit_error = Math.max(logit_error, Math.abs(value - rounded.logits[i]));
  });
  assert.ok(cka_error > 0 && cka_error < 5e-4, `CKA differs by ${cka_error}`);
  assert.ok(logit_error > 0 && logit_error < 0.04, `logits differ by ${logit_error}`);
});
