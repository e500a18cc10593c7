import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { cumulativeQuota, normaliseWeights } from "./mod.ts";

Deno.test("quotas sum to the total, never fall, and stay near the exact shares", () => {
  const random = new Random(0, "quota", 0);
  for (let trial = 0; trial < 40; trial++) {
    const sources = Array.from({ length: 1 + random.below(6) }, (_, i) => `s${i}`);
    const weights = Object.fromEntries(sources.map((s) => [s, random.uniform() ** 3 + 1e-9]));
    const shares = normaliseWeights(weights, sources);
    let before = cumulativeQuota(shares, 0);
    assert.ok(before.every((count) => count === 0));
    for (let total = 1; total <= 300; total++) {
      const quota = cumulativeQuota(shares, total);
      assert.equal(quota.reduce((a, b) => a + b), total);
      quota.forEach((count, s) => {
        assert.ok(count >= before[s], `source ${s} fell at ${total}`);
        // Each level of nesting rounds once, by at most half a sequence.
        assert.ok(Math.abs(count - shares[s].share * total) <= shares.length / 2 + 1e-9);
      });
      before = quota;
    }
  }
});

Deno.test("weights are scaled, sorted by source, and zeros left out", () => {
  const shares = normaliseWeights({ b: 3, a: 1, c: 0 }, ["a", "b", "c", "d"]);
  assert.deepEqual(shares, [{ source: "a", share: 0.25 }, { source: "b", share: 0.75 }]);
});

Deno.test("weights that make no mixture are refused", () => {
  assert.throws(() => normaliseWeights({ x: 1 }, ["b", "a"]), /"x".*among its inputs: a, b/);
  assert.throws(() => normaliseWeights({ a: -1 }, ["a"]), /weight of "a" is -1/);
  assert.throws(() => normaliseWeights({ a: NaN }, ["a"]), /weight of "a" is NaN/);
  assert.throws(() => normaliseWeights({ a: Infinity }, ["a"]), /weight of "a" is Infinity/);
  assert.throws(() => normaliseWeights({ a: 0 }, ["a"]), /no weight above 0/);
  assert.throws(() => normaliseWeights({}, ["a"]), /no weight above 0/);
});
