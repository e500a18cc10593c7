import assert from "node:assert/strict";
import { mean, pearson, percentileInterval } from "@causeway/core/analysis";
import { type Point, resampledCorrelation, trunksOf } from "./trunks.ts";

/** Relative improvements by arm, target and trunk; the reference has a loss of 2. */
const IMPROVEMENTS: Record<string, [advantage: number, by_trunk: number[]][]> = {
  code: [[0.1, [0.05, 0.03]], [0.01, [0.0, 0.01]]],
  math: [[0.02, [0.01, -0.01]], [0.06, [0.02, 0.05]]],
  flan: [[0.03, [0.02, 0.0]], [0.04, [0.01, 0.03]]],
};

const points = (trunks: number[], arms = Object.keys(IMPROVEMENTS)): Point[] =>
  arms.flatMap((arm) =>
    IMPROVEMENTS[arm].map(([advantage, values]) => ({
      arm,
      advantage,
      improvement: mean(trunks.map((trunk) => values[trunk])),
      effects: trunks.map((trunk) => {
        return { trunk, difference: -2 * values[trunk], reference_loss: 2 };
      }),
    }))
  );

/** Every way to draw `count` of `count` with replacement. */
function draws(count: number): number[][] {
  let all: number[][] = [[]];
  for (let i = 0; i < count; i++) {
    all = all.flatMap((some) => Array.from({ length: count }, (_, j) => [...some, j]));
  }
  return all;
}

const OPTIONS = { resamples: 8000, seed: 1, confidence: 0.8 };

for (const trunks of [[0, 1], [0]]) {
  Deno.test(`resampling draws arms and trunks as all ways to draw them do: ${trunks.length}`, () => {
    const arms = Object.keys(IMPROVEMENTS);
    const every = draws(arms.length).flatMap((of_arms) =>
      draws(trunks.length).map((of_trunks) => {
        const drawn = points(of_trunks, of_arms.map((i) => arms[i]));
        return pearson(drawn.map((p) => p.advantage), drawn.map((p) => p.improvement)).r!;
      })
    ).filter((r) => r !== null);
    const exact = percentileInterval(every, OPTIONS.confidence);
    const { ci_low, ci_high } = resampledCorrelation(points(trunks), OPTIONS);
    // The distribution has few values, so a quantile is one of them or near it.
    assert.ok(Math.abs(ci_low! - exact.ci_low) < 0.02, `${ci_low}, not ${exact.ci_low}`);
    assert.ok(Math.abs(ci_high! - exact.ci_high) < 0.02, `${ci_high}, not ${exact.ci_high}`);
    assert.deepEqual(resampledCorrelation(points(trunks), OPTIONS), { ci_low, ci_high });
    assert.equal(trunksOf(points(trunks)).length, trunks.length);
  });
}

Deno.test("without runs only arms are resampled; two arms are too few", () => {
  const bare = points([0]).map((point) => ({ ...point, effects: [] }));
  assert.deepEqual(resampledCorrelation(bare, OPTIONS), resampledCorrelation(points([0]), OPTIONS));
  const none = { ci_low: null, ci_high: null };
  assert.deepEqual(resampledCorrelation(points([0, 1], ["code", "math"]), OPTIONS), none);
  assert.deepEqual(resampledCorrelation(points([0]), { ...OPTIONS, resamples: 0 }), none);
});

Deno.test("a point without a drawn trunk is left out of that resample", () => {
  const some = points([0, 1]).map((point, i) => {
    return i === 0 ? { ...point, effects: point.effects.slice(0, 1) } : point;
  });
  const interval = resampledCorrelation(some, OPTIONS);
  assert.ok(interval.ci_low !== null);
  assert.notDeepEqual(interval, resampledCorrelation(points([0, 1]), OPTIONS));
});
