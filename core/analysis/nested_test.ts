import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import {
  bootstrapInterval,
  combinedInterval,
  combineErrors,
  detectableEffect,
  mean,
  nestedDifference,
  pairedDifference,
  ratioError,
  standardDeviation,
  studentInterval,
  varianceComponents,
} from "./mod.ts";

interface Case {
  name: string;
  own: number[][];
  other: number[][];
  components: ReturnType<typeof varianceComponents>;
  relative_improvement: number;
  difference: number;
  error: number;
  df: number;
  p: number;
  ci_low: number;
  ci_high: number;
}

const golden: {
  cases: Case[];
  clusters: { name: string; sums: number[]; tokens: number[]; error: number }[];
} = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/statistics/nested.json", import.meta.url)),
);

function near(actual: number | null, expected: number | null, what: string, tolerance = 1e-9) {
  const [a, b] = [actual ?? NaN, expected ?? NaN];
  const same = actual === expected || Math.abs(a - b) <= tolerance * Math.abs(b);
  assert.ok(same, `${what}: ${actual}, not ${expected}`);
}

for (const { name, own, other, components, relative_improvement, ...expected } of golden.cases) {
  Deno.test(`nested replication agrees with SciPy and NumPy: ${name}`, () => {
    const found = varianceComponents(own);
    near(found.sd_seeds, components.sd_seeds, "sd_seeds");
    near(found.sd_trunks, components.sd_trunks, "sd_trunks");
    assert.equal(found.floored, components.floored);
    const paired = nestedDifference(
      own.flatMap((seeds, trunk) => seeds.map((a, i) => ({ trunk, a, b: other[trunk][i] }))),
    );
    assert.equal(paired.replication, own.length > 1 ? "trunks" : "seeds");
    near(-paired.difference / paired.mean_b, relative_improvement, "relative improvement");
    for (const key of ["difference", "error", "df", "p", "ci_low", "ci_high"] as const) {
      near(paired[key], expected[key], key);
    }
  });
}

Deno.test("no pairs have no difference", () => {
  assert.throws(() => nestedDifference([]), /needs at least one pair/);
  assert.equal(nestedDifference([{ trunk: 0, a: 1, b: 2 }]).replication, "none");
});

Deno.test("without several seeds of a trunk the two variations cannot be told apart", () => {
  const unknown = { sd_trunks: null, sd_seeds: null, floored: false };
  assert.deepEqual(varianceComponents([[1], [2], [4]]), unknown);
  assert.deepEqual(varianceComponents([[1]]), unknown);
});

for (const { name, sums, tokens, error } of golden.clusters) {
  Deno.test(`errors of ratios over documents agree with NumPy: ${name}`, () => {
    near(ratioError(sums, tokens)!.error, error, "error");
    assert.equal(ratioError(sums, tokens)!.df, sums.length - 1);
  });
}

Deno.test("a bootstrap over documents gives the same error, up to its own", () => {
  const { sums, tokens, error } = golden.clusters.find(({ name }) => name === "many")!;
  const drawn: number[] = [];
  bootstrapInterval(sums.length, (counts) => {
    let sum = 0, count = 0;
    counts.forEach((times, d) => {
      sum += times * sums[d];
      count += times * tokens[d];
    });
    drawn.push(sum / count);
    return sum / count;
  }, { resamples: 10_000, seed: 1, phase: "test" });
  // A bootstrap's variance is (D - 1) / D of the estimate; 10,000 resamples leave it an error of 0.7%.
  const bootstrap = standardDeviation(drawn)! * Math.sqrt(sums.length / (sums.length - 1));
  assert.ok(Math.abs(bootstrap / error - 1) < 0.03, `${bootstrap}, not ${error}`);
});

Deno.test("tokens of one document count once", () => {
  // Documents twice as long with the same losses per token: no more information.
  const [once, twice] = [1, 2].map((times) =>
    ratioError([1, 4, 2].map((sum) => times * sum), [3, 5, 4].map((count) => times * count))!
  );
  near(once.error, twice.error, "error", 1e-15);
  assert.equal(ratioError([1], [3]), null);
  assert.throws(() => ratioError([1, 2], [3]), /2 sums and 1 counts/);
});

Deno.test("errors add up as variances, with degrees of freedom between the least and their sum", () => {
  const { error, df } = combineErrors([{ error: 3, df: 2 }, { error: 4, df: 100 }]);
  assert.equal(error, 5);
  near(df, 625 / (81 / 2 + 256 / 100), "df", 1e-15);
  assert.deepEqual(combineErrors([{ error: 0, df: 2 }, { error: 0, df: 9 }]), { error: 0, df: 2 });
  near(combineErrors([{ error: 0, df: 2 }, { error: 1, df: 9 }]).df, 9, "df", 1e-15);
});

Deno.test("an interval of two sources of variation is never narrower than that of one", () => {
  const trunks = { error: 1, df: 1 }, few = { error: 0.5, df: 100 }, many = { error: 20, df: 100 };
  // By Satterthwaite alone ± 7.2, less than the ± 12.7 of two trunks.
  assert.ok(studentInterval(0, combineErrors([trunks, few])).ci_high < 9);
  assert.deepEqual(combinedInterval(0, [trunks, few]), studentInterval(0, trunks));
  const wide = studentInterval(0, combineErrors([trunks, many]));
  assert.deepEqual(combinedInterval(0, [trunks, many]), wide);
  assert.ok(wide.ci_high > studentInterval(0, many).ci_high);
});

/** Mean paired differences of trunks: noise of trunks and, smaller, of the mean of three seeds. */
function trunkDifferences(random: Random, effect: number): number[] {
  return Array.from({ length: 3 }, () => {
    const seeds = [1, 2, 3].map(() => 0.2 * random.normal());
    return effect + random.normal() + mean(seeds);
  });
}

Deno.test("intervals over trunks cover the truth, and an effect that is detectable is detected", () => {
  const studies = 4000, error = Math.sqrt((1 + 0.04 / 3) / 3);
  const share = (
    effect: number,
    holds: (interval: { ci_low: number; ci_high: number }) => boolean,
  ) => {
    const random = new Random(3, `coverage ${effect}`, 0);
    const found = Array.from({ length: studies }, () => {
      const values = trunkDifferences(random, effect);
      const { difference, error, df } = pairedDifference(values, [0, 0, 0]);
      return holds(studentInterval(difference, { error: error!, df: df! }));
    });
    return found.filter(Boolean).length / studies;
  };
  const covered = share(0, ({ ci_low, ci_high }) => ci_low <= 0 && ci_high >= 0);
  assert.ok(Math.abs(covered - 0.95) < 0.015, `${covered}`);
  const excludes_zero = ({ ci_low, ci_high }: { ci_low: number; ci_high: number }) =>
    ci_low > 0 || ci_high < 0;
  const detected = share(error * detectableEffect(2), excludes_zero);
  assert.ok(Math.abs(detected - 0.8) < 0.025, `${detected}`);
});
