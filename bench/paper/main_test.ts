import assert from "node:assert/strict";
import { compareRecords, type StudyRecord } from "./main.ts";

const record = (steps: Record<string, [key: string, digest: string]>): StudyRecord => ({
  recipe: "r",
  date: "2026-01-01",
  processor: "p",
  cores: 2,
  deno: "2",
  seconds: 1,
  steps: Object.entries(steps).map(([step, [key, digest]]) => {
    return { step, stage: "s", seed: 1, key, outputs: { out: digest } };
  }),
});

Deno.test("runs are compared by the keys and digests of their tasks", () => {
  const kept = record({ a: ["k1", "d1"], b: ["k2", "d2"], c: ["k3", "d3"], d: ["k4", "d4"] });
  assert.deepEqual(compareRecords(kept, kept), { same: 4, missing: 0, differences: [] });
  const other = record({ a: ["k1", "d1"], b: ["k2", "x"], c: ["x", "d3"] });
  assert.deepEqual(compareRecords(kept, other), {
    same: 1,
    missing: 1,
    differences: [
      'b: output "out" differs',
      "c: different key (config, seed, version or inputs)",
    ],
  });
});
