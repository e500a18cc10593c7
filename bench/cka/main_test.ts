import assert from "node:assert/strict";
import { largestDifference, renderReport } from "./main.ts";

Deno.test("the largest difference is absolute and needs equal lengths", () => {
  assert.equal(largestDifference([1, 2, 3], [1, 2.5, 2.75]), 0.5);
  assert.throws(() => largestDifference([1], []), /Causeway has 1 CKA values, NumPy 0/);
});

Deno.test("a result is a row of speed, differences and memory", () => {
  const result = {
    size: "mini",
    activations: { file: "", batches: 8, states: 4, layers: 5, rows: 4096, width: 128 },
    algorithm: "all at once",
    turns: [{ ours_s: 0.5, theirs_s: 1, idle_ours: 0, idle_theirs: 0, others: 0 }],
    repeated: 0,
    peaks: { ours: 1e9 },
    values: 250,
    difference: 1.3e-8,
    difference_of_theirs: 4.7e-7,
  };
  const report = renderReport([result], {}, { batches: 8, rounds: 1, threads: 2 });
  const row =
    "| mini | all at once | 2.00 (2.00–2.00) | 0.50 | 1.00 | 1.3e-8 | 4.7e-7 | 1.00 | – |";
  assert.ok(report.includes(row), report);
});
