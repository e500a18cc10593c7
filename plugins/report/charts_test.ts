import assert from "node:assert/strict";
import { modelPairs, thin } from "@causeway/core/report";
import { report_config } from "./inputs.ts";
import { rankOf } from "./sections.ts";
import { SAMPLE_CONFIG, sampleMeasurements } from "./testdata/sample.ts";
import { armPaths } from "./charts.ts";

const { arms } = report_config.parse(SAMPLE_CONFIG);
const rows = (...steps: number[]) => steps.map((step) => ({ step, tokens: 10 * step }));

Deno.test("shared phases form the trunk, and a phase that continues counting stays in place", () => {
  const [control, midtrained] = armPaths(arms, {
    trunk: rows(1, 2, 3),
    control: rows(4, 5),
    midtrained: rows(4, 5, 6),
  });
  assert.deepEqual(control.shared.map((row) => row.step), [1, 2, 3]);
  assert.deepEqual(control.own.map((row) => row.step), [4, 5]);
  assert.deepEqual(midtrained.own.map((row) => row.tokens), [40, 50, 60]);
});

Deno.test("a phase that counts from zero again is moved behind the one before", () => {
  const [control, midtrained] = armPaths(arms, {
    trunk: rows(1, 2, 3),
    control: rows(1, 2),
    midtrained: rows(3, 4), // measures the branch point once more
  });
  assert.deepEqual(control.own.map((row) => [row.step, row.tokens]), [[4, 40], [5, 50]]);
  assert.deepEqual(midtrained.own.map((row) => row.step), [3, 4]);
});

Deno.test("one arm alone has no trunk", () => {
  const [only] = armPaths(arms.slice(0, 1), { trunk: rows(1), control: rows(2) });
  assert.deepEqual([only.shared.length, only.own.length], [0, 2]);
});

Deno.test("thinning averages neighbours and leaves out NaN", () => {
  const curve = [1, 2, NaN, 3, 4, 8].map((loss, step) => ({ step, loss }));
  assert.deepEqual(thin(curve, ["step", "loss"], 2), [
    { step: 0.5, loss: 1.5 },
    { step: 3.5, loss: 3.5 },
    { step: 5, loss: 8 },
  ]);
  assert.deepEqual(thin<"loss">([], ["loss"], 1), []);
});

Deno.test("pairs of models are shown once, most informative first", () => {
  const rank = rankOf(report_config.parse(SAMPLE_CONFIG));
  const pairs = modelPairs(sampleMeasurements().cka, rank).map(({ a, b }) => [a, b]);
  assert.deepEqual(pairs.slice(0, 4), [
    ["control", "control_sft"],
    ["midtrained", "midtrained_sft"],
    ["control", "midtrained"],
    ["control_sft", "midtrained_sft"],
  ]);
  assert.equal(pairs.length, 6);
});
