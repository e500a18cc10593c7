import assert from "node:assert/strict";
import { SeriesIndex } from "./run_index.ts";

const plain = (index: SeriesIndex, query = {}) => {
  return index.select(query).map(({ task, name, steps, times, values }) => {
    return [task, name, [...steps], [...times], [...values]];
  });
};

Deno.test("points are kept by step and metric, in order", () => {
  const index = new SeriesIndex();
  index.add("a", [[1, 10, { loss: 3, rate: 1 }], [2, 20, { loss: null }]]);
  index.add("b", [[1, 30, { loss: 9 }]]);
  index.add("a", [[3, 40, { loss: 1 }]]);
  assert.deepEqual(plain(index), [
    ["a", "loss", [1, 2, 3], [10, 20, 40], [3, NaN, 1]],
    ["a", "rate", [1], [10], [1]],
    ["b", "loss", [1], [30], [9]],
  ]);
  assert.equal(index.points, 5);
  assert.deepEqual(plain(index, { tasks: ["b", "c"], names: ["loss"] }), [
    ["b", "loss", [1], [30], [9]],
  ]);
  assert.deepEqual(plain(index, { names: ["loss"], from: 2, to: 2 }), [
    ["a", "loss", [2], [20], [NaN]],
  ]);
  assert.deepEqual(plain(index, { from: 4 }), []);
  assert.deepEqual(plain(index, { from: 3, to: 1 }), []);
});

Deno.test("ranges are correct whether progress increases or falls back, for any number of points", () => {
  const [rising, falling] = [new SeriesIndex(), new SeriesIndex()];
  const steps = Array.from({ length: 1000 }, (_, i) => i >> 1);
  for (const i of steps) rising.add("a", [[i, i, { x: i }]]);
  for (const i of steps.toReversed()) falling.add("a", [[i, i, { x: i }]]);
  for (const [from, to] of [[10, 20], [-5, 3], [498, 900], [0.5, 0.7], [499, 499]]) {
    const expected = steps.filter((i) => i >= from && i <= to);
    const values = (index: SeriesIndex) => [...index.select({ from, to })[0]?.values ?? []];
    assert.deepEqual(values(rising), expected);
    assert.deepEqual(values(falling), expected.toReversed());
  }
});

Deno.test("a selected series does not change when more points arrive", () => {
  const index = new SeriesIndex();
  index.add("a", [[1, 1, { x: 5 }]]);
  const [before] = index.select();
  for (let i = 2; i < 100; i++) index.add("a", [[i, i, { x: i }]]);
  assert.deepEqual([...before.values], [5]);
  assert.equal(index.select()[0].values.length, 99);
});
