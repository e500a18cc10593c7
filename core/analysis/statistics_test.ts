import assert from "node:assert/strict";
import {
  bootstrapInterval,
  fitLine,
  isAbove,
  isBelow,
  mean,
  pairedDifference,
  pearson,
  percentileInterval,
  spearman,
  standardDeviation,
} from "./mod.ts";

type Expected = { p: number; ci_low: number; ci_high: number };
const golden: {
  name: string;
  confidence: number;
  x: number[];
  y: number[];
  sd: number;
  paired: Expected & { difference: number };
  quantiles: [number, number];
  pearson?: Expected & { r: number };
  spearman?: { r: number; p: number };
}[] = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/statistics/golden.json", import.meta.url)),
);

function near(actual: number, expected: number, what: string, tolerance = 1e-9): void {
  const scale = Math.max(Math.abs(expected), 1e-300);
  assert.ok(
    Math.abs(actual - expected) <= tolerance * scale,
    `${what}: ${actual}, not ${expected}`,
  );
}

for (const { name, confidence, x, y, ...expected } of golden) {
  Deno.test(`statistics agree with SciPy and NumPy: ${name}`, () => {
    near(standardDeviation(x)!, expected.sd, "sd", 1e-13);
    const { n, ...paired } = pairedDifference(x, y, confidence);
    assert.equal(n, x.length);
    for (const key of ["p", "ci_low", "ci_high"] as const) {
      near(paired[key]!, expected.paired[key], key);
    }
    near(paired.difference, expected.paired.difference, "difference", 1e-12);
    const { ci_low, ci_high } = percentileInterval(x, confidence);
    near(ci_low, expected.quantiles[0], "low quantile", 1e-12);
    near(ci_high, expected.quantiles[1], "high quantile", 1e-12);
    if (expected.pearson) {
      const correlation = pearson(x, y, confidence);
      near(correlation.r!, expected.pearson.r, "r", 1e-12);
      for (const key of ["p", "ci_low", "ci_high"] as const) {
        near(correlation[key]!, expected.pearson[key], key);
      }
    }
    if (expected.spearman) {
      const rounded = x.map((value) => Math.round(value));
      near(spearman(rounded, y).r!, expected.spearman.r, "rho", 1e-12);
      near(spearman(rounded, y).p!, expected.spearman.p, "p of rho");
    }
  });
}

Deno.test("a difference of fewer than two pairs has no interval", () => {
  assert.deepEqual(pairedDifference([3], [1]), {
    n: 1,
    difference: 2,
    error: null,
    df: null,
    ci_low: null,
    ci_high: null,
    p: null,
  });
  assert.ok(Number.isNaN(pairedDifference([], []).difference));
  assert.ok(Number.isNaN(mean([])));
  assert.equal(standardDeviation([1]), null);
});

Deno.test("equal differences give an interval of width 0", () => {
  const equal = { n: 2, ci_low: 0, ci_high: 0, difference: 0, error: 0, df: 1, p: 1 };
  assert.deepEqual(pairedDifference([1, 2], [1, 2]), equal);
  assert.deepEqual(pairedDifference([1, 2], [2, 3]), {
    n: 2,
    ci_low: -1,
    ci_high: -1,
    difference: -1,
    error: 0,
    df: 1,
    p: 0,
  });
});

Deno.test("no mean difference has p 1, whatever the spread", () => {
  assert.equal(pairedDifference([1, -1], [0, 0]).p, 1);
});

Deno.test("an undefined correlation is null", () => {
  const none = (n: number) => ({ n, r: null, p: null, ci_low: null, ci_high: null });
  assert.deepEqual(pearson([1, 2], [1, 2]), none(2));
  assert.deepEqual(pearson([1, 2, 3], [0.1, 0.1, 0.1]), none(3));
  assert.deepEqual(spearman([1, 1, 1, 1], [1, 2, 3, 4]), none(4));
});

Deno.test("a perfect correlation has p 0 and an interval of width 0", () => {
  const { r, p, ci_low, ci_high } = pearson([1, 2, 4, 8, 9], [-2, -4, -8, -16, -18]);
  assert.ok(Math.abs(r! + 1) < 1e-15 && p! < 1e-12, `r ${r}, p ${p}`);
  assert.ok(ci_low! <= -1 + 1e-9 && ci_high! <= -1 + 1e-6, `${ci_low} to ${ci_high}`);
});

Deno.test("unequal lengths and an invalid confidence give an error", () => {
  assert.throws(() => pairedDifference([1, 2], [1]), /got 2 and 1/);
  assert.throws(() => pearson([1], [1], 95), /confidence must be between 0 and 1/);
});

Deno.test("a bootstrap interval of a mean is close to Student's t, and depends only on the seed", () => {
  const values = Array.from({ length: 200 }, (_, i) => Math.sin(i * i));
  const average = (counts: Uint32Array) =>
    counts.reduce((total, count, i) => total + count * values[i], 0) / values.length;
  const options = { resamples: 2000, seed: 1, phase: "test" };
  const drawn = bootstrapInterval(values.length, average, options);
  const exact = pairedDifference(values, values.map(() => 0));
  assert.ok(Math.abs(drawn.ci_low - exact.ci_low!) < 0.1 * standardDeviation(values)!);
  assert.ok(Math.abs(drawn.ci_high - exact.ci_high!) < 0.1 * standardDeviation(values)!);
  assert.deepEqual(bootstrapInterval(values.length, average, options), drawn);
  assert.notDeepEqual(bootstrapInterval(values.length, average, { ...options, seed: 2 }), drawn);
  assert.throws(() => bootstrapInterval(0, average, options), /needs at least one item/);
  const none = { ...options, resamples: 0 };
  assert.throws(() => bootstrapInterval(9, average, none), /needs at least one value/);
});

Deno.test("an interval that is unknown is neither below nor above a value", () => {
  assert.ok(isBelow({ ci_high: -1 }, 0) && isAbove({ ci_low: 1 }, 0));
  assert.ok(!isBelow({ ci_high: 0 }, 0) && !isAbove({ ci_low: 0 }, 0));
  assert.ok(!isBelow({ ci_high: null }, 0) && !isAbove({ ci_low: null }, -1));
  assert.ok(!isBelow({ ci_high: -1 }, null) && !isAbove({ ci_low: 1 }, null));
});

Deno.test("NaN and infinite numbers are refused, not taken for perfect correlations", () => {
  for (const statistic of [pearson, spearman, pairedDifference, fitLine]) {
    assert.throws(
      () => statistic([1, 2, NaN, 4], [1, 2, 3, 4]),
      /pair 3 of 4 is \(NaN, 3\); leave out pairs that are not finite numbers/,
    );
    assert.throws(() => statistic([1, 2, 3], [1, Infinity, 3]), /pair 2 of 3 is \(2, Infinity\)/);
  }
});
