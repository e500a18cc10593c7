import assert from "node:assert/strict";
import { setOf } from "../../tests/token_sets.ts";
import {
  compareFrequencies,
  mixFrequencies,
  SIMILARITY_DEFAULTS,
  tokenFrequencies,
} from "./mod.ts";

const golden: {
  name: string;
  x: number[];
  y: number[];
  cosine: number;
  jaccard: number;
  overlap: number;
  distance_base_2: number;
  distance_base_e: number;
}[] = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/similarity/golden.json", import.meta.url)),
);

const shares = (counts: number[]) => {
  const total = counts.reduce((a, b) => a + b);
  return counts.map((count) => count / total);
};

for (const expected of golden) {
  Deno.test(`similarity agrees with SciPy and scikit-learn: ${expected.name}`, () => {
    const p = shares(expected.x), q = shares(expected.y);
    const near = (actual: number, value: number, tolerance = 1e-12) =>
      assert.ok(Math.abs(actual - value) < tolerance, `${actual} is not ${value}`);
    const divergence = compareFrequencies(p, q);
    near(divergence.cosine, expected.cosine);
    near(divergence.jaccard, expected.jaccard);
    near(divergence.overlap, expected.overlap);
    near(divergence.jensen_shannon, expected.distance_base_2 ** 2);
    near(
      divergence.similarity,
      0.4 * expected.cosine + 0.3 * expected.jaccard + 0.3 * (1 - expected.distance_base_2 ** 2),
    );
    // The root of a divergence near 0 magnifies its rounding, in SciPy as here.
    const tolerance = expected.distance_base_e < 1e-3 ? 1e-7 : 1e-12;
    const distance = { ...SIMILARITY_DEFAULTS, jensen_shannon: "distance" } as const;
    near(compareFrequencies(p, q, distance).jensen_shannon, expected.distance_base_2, tolerance);
    const natural = compareFrequencies(p, q, { ...distance, log_base: Math.E });
    near(natural.jensen_shannon, expected.distance_base_e, tolerance);
  });
}

Deno.test("similarity is symmetric", () => {
  for (const { x, y } of golden) {
    const p = shares(x), q = shares(y);
    const forth = compareFrequencies(p, q), back = compareFrequencies(q, p);
    for (const key of Object.keys(forth) as (keyof typeof forth)[]) {
      assert.ok(Math.abs(forth[key] - back[key]) < 1e-15, key);
    }
  }
});

Deno.test("frequencies count sampled documents without their end-of-text token", () => {
  const set = setOf("s", [[1, 1, 2, 0], [3, 0], [0]]);
  const all = tokenFrequencies(set, 10, 0);
  assert.deepEqual([...all.subarray(0, 5)], [0, 1 / 2, 1 / 4, 1 / 4, 0]);
  assert.equal(all.length, 65536);
  const documents = Array.from({ length: 200 }, (_, i) => [i, 999]);
  const sample = tokenFrequencies(setOf("many", documents), 50, 1);
  assert.equal(sample.filter((share) => share === 1 / 50).length, 50);
  assert.deepEqual(sample, tokenFrequencies(setOf("many", documents), 50, 1));
  assert.notDeepEqual(sample, tokenFrequencies(setOf("many", documents), 50, 2));
});

Deno.test("a mixture weighs tokens, whatever the length of its sources' documents", () => {
  const long = setOf("long", Array.from({ length: 40 }, () => [...new Array(90).fill(1), 0]));
  const short = setOf("short", Array.from({ length: 400 }, () => [2, 0]));
  const sets = new Map([["long", long], ["short", short]]);
  const mixed = mixFrequencies(sets, { long: 1, short: 3 }, 100, 0);
  assert.ok(Math.abs(mixed[1] - 0.25) < 1e-12);
  assert.ok(Math.abs(mixed[2] - 0.75) < 1e-12);
  assert.deepEqual(mixFrequencies(sets, { long: 5 }, 100, 0), tokenFrequencies(long, 100, 0));
});

Deno.test("a mixture's examples are shared out over its sources", () => {
  const documents = Array.from({ length: 300 }, (_, i) => [i + 1, 0]);
  const other = Array.from({ length: 300 }, (_, i) => [i + 1001, 0]);
  const sets = new Map([["a", setOf("a", documents)], ["b", setOf("b", other)]]);
  const mixed = mixFrequencies(sets, { a: 0.8, b: 0.2 }, 100, 0);
  assert.equal(mixed.subarray(0, 1000).filter((share) => share > 0).length, 80);
  assert.equal(mixed.subarray(1000).filter((share) => share > 0).length, 20);
});

Deno.test("tokens beyond the end of a distribution have no share in it", () => {
  assert.deepEqual(compareFrequencies([1], [0.5, 0.5]), compareFrequencies([1, 0], [0.5, 0.5]));
});

Deno.test("distributions that cannot be compared are refused", () => {
  assert.throws(() => compareFrequencies([0.5, 0.4], [0.5, 0.5]), /sum to 0.9/);
  assert.throws(() => compareFrequencies([0, 0], [0.5, 0.5]), /sum to 0/);
  assert.throws(() => tokenFrequencies(setOf("empty", [[0]]), 10, 0), /"empty" hold no text/);
});
