import assert from "node:assert/strict";
import { disturbance, relativeDifference, speedRatio, spread } from "./measurements.ts";

const quiet = { idle_ours: 0, idle_theirs: 0, others: 0 };

Deno.test("spread gives median, minimum and maximum, and does not change its input", () => {
  const values = [3, 1, 2];
  assert.deepEqual(spread(values), { median: 2, min: 1, max: 3 });
  assert.deepEqual(spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  assert.deepEqual(values, [3, 1, 2]);
  assert.throws(() => spread([]), /no measurements/);
});

Deno.test("the ratio is computed round by round, not between medians", () => {
  const rounds = [
    { ...quiet, ours_s: 1, theirs_s: 2 },
    { ...quiet, ours_s: 10, theirs_s: 30 },
    { ...quiet, ours_s: 2, theirs_s: 3 },
  ];
  assert.deepEqual(speedRatio(rounds), { median: 2, min: 1.5, max: 3 });
});

Deno.test("NaN is within no tolerance", () => {
  assert.equal(relativeDifference(1.5, 1), 0.5);
  assert.equal(relativeDifference(NaN, 1) <= 1e9, false);
});

Deno.test("disturbance is the largest of all rounds", () => {
  const rounds = [
    { ours_s: 1, theirs_s: 1, idle_ours: 0.1, idle_theirs: 0.3, others: 0 },
    { ours_s: 1, theirs_s: 1, idle_ours: 0.2, idle_theirs: 0, others: 0.5 },
  ];
  assert.deepEqual(disturbance(rounds), { waiting: 0.3, others: 0.5 });
  assert.deepEqual(disturbance([]), { waiting: 0, others: 0 });
});
