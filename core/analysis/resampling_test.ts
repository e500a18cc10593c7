import assert from "node:assert/strict";
import { setOf } from "../../tests/shared/token_sets.ts";
import { Random } from "../random/mod.ts";
import {
  compareFrequencies,
  FrequencyResampler,
  resampledIntervals,
  SAMPLING_DEFAULTS,
  tokenFrequencies,
  type Weights,
} from "./mod.ts";

/** Documents of ten tokens, drawn from a skewed distribution of tokens from `first` on. */
function documents(name: string, count: number, first: number, seed: number) {
  const random = new Random(seed, name, 0);
  const token = () => first + Math.floor(60 * random.uniform() ** 2);
  return setOf(
    name,
    Array.from({ length: count }, () => [...Array.from({ length: 10 }, token), 0]),
  );
}

const a = documents("a", 80, 0, 0), b = documents("b", 60, 20, 0);
const sets = new Map([["a", a], ["b", b]]);
const mixtures: Weights[] = [{ a: 1 }, { b: 1 }, { a: 0.5, b: 0.5 }];

/** Intervals of a, b and half of each, all compared with b. */
function intervals(resamples: number, seed = 0) {
  const frequencies = [...sets.values()].map((set) =>
    tokenFrequencies(set, SAMPLING_DEFAULTS, seed)
  );
  const resampler = new FrequencyResampler(sets, mixtures, SAMPLING_DEFAULTS, seed);
  const toB = (all: readonly Float64Array[]) =>
    all.map((one) => compareFrequencies(one, all[1]).similarity);
  const estimates = toB(frequencies);
  const found = resampledIntervals(resampler, estimates, toB, resamples);
  return { estimates, intervals: found };
}

Deno.test("a resample counts documents as often as they were drawn", () => {
  // Each document has a token of its own.
  const set = setOf("s", Array.from({ length: 50 }, (_, i) => [i + 1, 0]));
  const one = new FrequencyResampler(new Map([["s", set]]), [{ s: 1 }], SAMPLING_DEFAULTS, 0);
  const [first] = one.draw(0)!, [second] = one.draw(1)!;
  const times = [...first].map((share) => share * 50);
  assert.ok(times.every((count) => Math.abs(count - Math.round(count)) < 1e-9));
  assert.ok(Math.abs(times.reduce((sum, count) => sum + count) - 50) < 1e-9);
  const seen = times.filter((count) => count > 0).length;
  assert.ok(seen > 24 && seen < 40, `${seen} of 50 documents, 63% are to be expected`);
  assert.deepEqual(one.draw(0)![0], first);
  assert.notDeepEqual(second, first);
});

Deno.test("mixtures that share a source see the same draws of it", () => {
  const resampler = new FrequencyResampler(sets, mixtures, SAMPLING_DEFAULTS, 0);
  const [ofA, ofB, half] = resampler.draw(3)!;
  half.forEach((share, token) => {
    assert.ok(Math.abs(share - ((ofA[token] ?? 0) + (ofB[token] ?? 0)) / 2) < 1e-12);
  });
});

Deno.test("documents of a small set repeat in resamples as in the sample", () => {
  const set = setOf("s", Array.from({ length: 20 }, (_, i) => [i + 1, 0]));
  const sized = (max_examples: number, sample_size: "at_most" | "at_least") => {
    const options = { ...SAMPLING_DEFAULTS, max_examples, sample_size };
    return new FrequencyResampler(new Map([["s", set]]), [{ s: 1 }], options, 0).draw(5)![0];
  };
  const [once, twice, more] = [sized(20, "at_most"), sized(40, "at_least"), sized(47, "at_least")];
  once.forEach((share, token) => assert.ok(Math.abs(share - twice[token]) < 1e-12));
  // Of 47, the first seven documents of the order are taken three times, the others twice.
  const ratios = [...once].flatMap((share, token) => share > 0 ? [more[token] / share] : []);
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  assert.ok(Math.abs(high / low - 3 / 2) < 1e-12);
  assert.ok(ratios.every((ratio) => Math.min(ratio - low, high - ratio) < 1e-12));
});

Deno.test("an interval contains its estimate, depends only on the seed, and is a point for equal sets", () => {
  const { estimates, intervals: found } = intervals(200);
  const [[ci_low, ci_high], own] = found.map(({ ci_low, ci_high }) => [ci_low!, ci_high!]);
  assert.ok(ci_low < estimates[0] && estimates[0] < ci_high);
  assert.ok(ci_high - ci_low > 0.005 && ci_high - ci_low < 0.2, `${ci_low} to ${ci_high}`);
  assert.ok(own[1] - own[0] < 1e-12); // b with itself
  assert.deepEqual(intervals(200).intervals, found);
  assert.deepEqual(intervals(0).intervals[0], { ci_low: null, ci_high: null });
});

Deno.test("the width of an interval matches the spread over new samples", () => {
  const fresh = Array.from({ length: 200 }, (_, i) => {
    const [one, two] = [documents("a", 80, 0, 1000 + i), documents("b", 60, 20, 2000 + i)];
    const frequencies = [one, two].map((set) => tokenFrequencies(set, SAMPLING_DEFAULTS, 0));
    return compareFrequencies(frequencies[0], frequencies[1]).similarity;
  }).sort((x, y) => x - y);
  const spread = fresh[194] - fresh[5];
  const [{ ci_low, ci_high }] = intervals(400).intervals;
  const ratio = (ci_high! - ci_low!) / spread;
  assert.ok(ratio > 0.75 && ratio < 1.35, `the interval is ${ratio} times as wide as the spread`);
});

Deno.test("resamples without text are skipped", () => {
  const few = new Map([["few", setOf("few", [[1, 0], [0]])]]);
  const resampler = new FrequencyResampler(few, [{ few: 1 }], SAMPLING_DEFAULTS, 0);
  const drawn = Array.from({ length: 40 }, (_, i) => resampler.draw(i));
  const empty = drawn.filter((one) => one === undefined).length;
  assert.ok(empty > 2 && empty < 20, `${empty} of 40, a quarter is to be expected`);
});
