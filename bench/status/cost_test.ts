import assert from "node:assert/strict";
import { costOf, medianInterval, quantile, type Window } from "./cost.ts";

Deno.test("95% intervals of a median agree with binomial tables", () => {
  const order = (n: number) => {
    const { low, high } = medianInterval(Array.from({ length: n }, (_, i) => i + 1));
    return [low, high];
  };
  // Ranks as in tables of the sign test.
  assert.deepEqual([order(6), order(10), order(20), order(30)], [[1, 6], [2, 9], [6, 15], [
    10,
    21,
  ]]);
  assert.throws(() => medianInterval([1, 2, 3, 4, 5]), /6 pairs or more/);
});

Deno.test("the cost compares the speeds of neighbouring windows", () => {
  // A step every 10 ms, every 12.5 ms under load, on a machine that keeps getting slower.
  const [times, windows]: [number[], Window[]] = [[], []];
  let now = 0;
  for (let i = 0; i < 16; i++) {
    const loaded = [0, 3].includes(i % 4);
    const begin = now;
    for (let step = 0; step < 100; step++) {
      times.push(now += (loaded ? 12.5 : 10) * 1.1 ** (i >> 1));
    }
    windows.push({ loaded, begin, end: now, client: 0, server: 0, others: 0 });
  }
  const { median, pairs } = costOf(windows, times);
  assert.equal(pairs, 8);
  assert.ok(Math.abs(median - 0.2) < 0.005, String(median));
});

Deno.test("quantiles are measured values", () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual([0.5, 0.9, 0.99, 1].map((share) => quantile(values, share)), [50, 90, 99, 100]);
  assert.equal(quantile([7], 0.5), 7);
});
