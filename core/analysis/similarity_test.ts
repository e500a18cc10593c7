import assert from "node:assert/strict";
import { compareFrequencies, SIMILARITY_DEFAULTS } from "./mod.ts";

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

Deno.test("tokens beyond the end of a distribution have share 0", () => {
  assert.deepEqual(compareFrequencies([1], [0.5, 0.5]), compareFrequencies([1, 0], [0.5, 0.5]));
});

Deno.test("distributions that do not sum to 1 give an error", () => {
  assert.throws(() => compareFrequencies([0.5, 0.4], [0.5, 0.5]), /sum to 1, got 0.9/);
  assert.throws(() => compareFrequencies([0, 0], [0.5, 0.5]), /sum to 1, got 0/);
});
