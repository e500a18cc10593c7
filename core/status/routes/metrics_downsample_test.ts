import assert from "node:assert/strict";
import { downsample } from "./metrics.ts";

const steps = (length: number) => Float64Array.from({ length }, (_, i) => i);

Deno.test("ends and extremes are kept, within the limit of points", () => {
  for (const [length, limit] of [[1000, 50], [61_000, 1000], [101, 100], [10, 4], [500, 5]]) {
    const ys = Float64Array.from(steps(length), (x) => Math.sin(x / 40) + (x * 7919 % 13) / 50);
    const [low, high] = [Math.floor(length / 3), Math.floor(length / 2)];
    [ys[low], ys[high]] = [-9, 9];
    const chosen = [...downsample(steps(length), ys, limit)];
    assert.ok(chosen.length <= limit && chosen.length >= limit - 2, `${chosen.length} of ${limit}`);
    assert.deepEqual(chosen, [...new Set(chosen)].sort((a, b) => a - b));
    for (const i of [0, low, high, length - 1]) assert.ok(chosen.includes(i), `${i} of ${length}`);
  }
});

Deno.test("a curve through the chosen points is close to the original", () => {
  const xs = steps(20_000);
  const ys = Float64Array.from(xs, (x) => 5 * Math.exp(-x / 3000) + Math.sin(x / 500));
  const chosen = downsample(xs, ys, 200);
  let [worst, k] = [0, 0];
  for (const x of xs) {
    while (chosen[k + 1] < x) k++;
    const [a, b] = [chosen[k], chosen[k + 1]];
    const drawn = ys[a] + (ys[b] - ys[a]) * (x - a) / (b - a);
    worst = Math.max(worst, Math.abs(drawn - ys[x]));
  }
  assert.ok(worst < 0.05, `${worst}`);
});

Deno.test("few points, no values, and gaps", () => {
  const three = Float64Array.of(1, NaN, 2);
  assert.deepEqual([...downsample(steps(3), three, 0)], [0, 1, 2]);
  assert.deepEqual([...downsample(steps(3), three, 3)], [0, 1, 2]);
  assert.deepEqual([...downsample(steps(3), three, 2)], [0, 2]);
  assert.deepEqual([...downsample(steps(3), three, 1)], [2]);
  assert.deepEqual([...downsample(steps(0), new Float64Array(), 5)], []);
  const nothing = downsample(steps(100), new Float64Array(100).fill(NaN), 10);
  assert.equal(nothing.length, 10);
  // Half of the curve is a gap; the other half has its values.
  const half = Float64Array.from(steps(100), (x) => x < 50 ? NaN : x);
  const chosen = [...downsample(steps(100), half, 20)];
  assert.ok(chosen.filter((i) => i < 50).length >= 8 && chosen.includes(50), `${chosen}`);
});
