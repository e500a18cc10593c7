import assert from "node:assert/strict";
import type { Interval } from "@causeway/core/analysis";
import { FINDINGS } from "./findings.ts";
import type { StudyMeasurements } from "./inputs.ts";
import { STUDY_SAMPLE_CONFIG as CONFIG, studySample } from "./testdata/sample.ts";
import { type Finding, judge } from "./verdict.ts";

/** The one finding that begins with a text. */
function find(all: StudyMeasurements, beginning: string): Finding {
  const found = FINDINGS.map((judge) => judge(CONFIG, all))
    .filter(({ finding }) => finding.startsWith(beginning));
  assert.equal(found.length, 1, beginning);
  return found[0];
}

type Comparison = StudyMeasurements["comparison"][number];
type Run = StudyMeasurements["runs"][number];
type Change<R> = (row: R) => Partial<R> | undefined;

/** The sample with some rows changed. */
function changed(
  { comparison, runs }: { comparison?: Change<Comparison>; runs?: Change<Run> },
): StudyMeasurements {
  const all = studySample();
  return {
    ...all,
    comparison: all.comparison.map((row) => ({ ...row, ...comparison?.(row) })),
    runs: all.runs.map((row) => ({ ...row, ...runs?.(row) })),
  };
}

const between = (ci_low: number, ci_high: number) => {
  return { difference: (ci_low + ci_high) / 2, ci_low, ci_high };
};
const unknown = { ci_low: null, ci_high: null };

Deno.test("an interval that includes 0 or is missing leaves a verdict undecided", () => {
  assert.equal(judge([]), "not measured");
  assert.equal(judge([between(-2, -1), between(-0.2, -0.1)]), "supported");
  assert.equal(judge([between(-2, -1), between(-0.2, 0.1)]), "undecided");
  assert.equal(judge([between(-2, -1), between(0.1, 0.2)]), "not supported");
  assert.equal(judge([between(-0.1, 0.3), between(-0.2, 0.4)]), "undecided");
  assert.equal(judge([unknown]), "undecided");
});

Deno.test("in domain: matched pairs decide, on their own targets", () => {
  const IN_DOMAIN = "Midtraining on a domain";
  const matched = ({ arm, target, source }: Comparison) =>
    source === target &&
    CONFIG.matched.some((pair) => pair.specialised === arm && pair.target === target);
  const all_lower = changed({
    comparison: (row) => matched(row) ? between(-0.2, -0.1) : between(0.1, 0.2),
  });
  assert.equal(find(all_lower, IN_DOMAIN).verdict, "supported");
  assert.equal(find(all_lower, IN_DOMAIN).numbers.length, 5);
  assert.equal(
    find(all_lower, IN_DOMAIN).numbers[0],
    "code 20% from 10%, Pycode: -0.150 [-0.200, -0.100]",
  );
  const but_flan = changed({
    comparison: (row) => matched(row) ? between(row.arm === "flan" ? 0.1 : -0.2, 0.3) : undefined,
  });
  assert.equal(find(but_flan, IN_DOMAIN).verdict, "not supported");
  const noisy = changed({ comparison: () => between(-0.2, 0.1) });
  assert.equal(find(noisy, IN_DOMAIN).verdict, "undecided");
  // FLAN is near general data: the far ones alone are as they were.
  const far = changed({
    comparison: ({ arm }) => arm === "flan" ? between(0.1, 0.3) : between(-0.2, -0.1),
  });
  assert.equal(find(far, IN_DOMAIN).verdict, "not supported");
  assert.equal(find(far, "Midtraining lowers the loss on domains far").verdict, "supported");
});

Deno.test("largest for far domains: intervals of the relative gain do not overlap", () => {
  const LARGEST = "The gain is largest";
  const gains = (far: Partial<Comparison>, near: Partial<Comparison>) =>
    changed({ comparison: ({ arm }) => CONFIG.distant.includes(arm) ? far : near });
  const [large, small] = [between(-0.9, -0.8), between(-0.2, -0.1)];
  assert.equal(find(gains(large, small), LARGEST).verdict, "supported");
  assert.equal(find(gains(small, large), LARGEST).verdict, "not supported");
  assert.equal(find(gains(large, between(-0.95, -0.1)), LARGEST).verdict, "undecided");
  // The same differences say less of a larger loss: 0.1 of 2.1 against 0.1 of 10.1.
  const relative = changed({
    comparison: ({ arm }) => {
      const loss_after = CONFIG.distant.includes(arm) ? 2 : 10;
      return { ...between(-0.11, -0.09), loss_after };
    },
  });
  assert.equal(find(relative, LARGEST).verdict, "supported");
});

Deno.test("proximity: the interval with the default options decides", () => {
  const BRIDGE = "The closer a mixture";
  const correlated = (interval: Interval): StudyMeasurements => {
    const all = studySample();
    return {
      ...all,
      correlation: all.correlation.map((row) => row.is_default ? { ...row, ...interval } : row),
    };
  };
  assert.equal(find(correlated(between(0.2, 0.6)), BRIDGE).verdict, "supported");
  assert.equal(find(correlated(between(-0.2, 0.6)), BRIDGE).verdict, "undecided");
  assert.equal(find(correlated(between(-0.6, 0.2)), BRIDGE).verdict, "undecided");
  assert.equal(find(correlated(between(-0.6, -0.1)), BRIDGE).verdict, "not supported");
  assert.equal(find(correlated(unknown), BRIDGE).verdict, "undecided");
});

/** Losses of an arm by seed, on every source. */
const runsOf = (losses: (arm: string, source: string, seed: number) => number | undefined) =>
  changed({
    runs: ({ arm, source, seed }) => {
      const loss_after = losses(arm, source, seed);
      return loss_after === undefined ? undefined : { loss_after };
    },
  });
/** Differences between seeds, which pairing removes, and a little noise. */
const noise = (arm: string, seed: number) => 0.5 * seed + 0.001 * ((seed + arm.length) % 3);

Deno.test("continued pretraining: in domain and general separately, paired by seed", () => {
  const [IN_DOMAIN, GENERAL] = ["Midtraining beats continued", "Midtraining forgets less"];
  // In domain midtraining is better by 0.1, on general data worse.
  const all = runsOf((arm, source, seed) => {
    const continued = arm.includes("_only_") ? 0.1 : 0;
    return (source === "c4" ? -continued : continued) + 2 + noise(arm, seed);
  });
  assert.equal(find(all, IN_DOMAIN).verdict, "supported");
  assert.equal(find(all, IN_DOMAIN).numbers.length, 4);
  assert.equal(find(all, GENERAL).verdict, "not supported");
  const level = runsOf((arm, _, seed) => 2 + (arm.includes("_only_") ? 0.3 * (seed - 2) : 0));
  assert.equal(find(level, IN_DOMAIN).verdict, "undecided");
  const one_seed = { ...all, runs: all.runs.filter(({ seed }) => seed === 1) };
  assert.equal(find(one_seed, IN_DOMAIN).verdict, "undecided");
});

/** Losses by start and weight, with runs that agree. */
function grid(lossOf: (start: number, weight: number) => number, spread = 0): StudyMeasurements {
  const { arms } = studySample();
  const loss = (name: string) => {
    const { start, weight } = arms.find(({ arm }) => arm === name)!;
    return lossOf(start, weight);
  };
  return changed({
    comparison: ({ arm }) => ({ loss_after: loss(arm) }),
    runs: ({ arm, seed }) => ({
      loss_after: loss(arm) + noise(arm, seed) + spread * (seed - 2) * (arm.length % 2 ? 1 : -1),
    }),
  });
}

Deno.test("earlier starts: first, last and trend decide, given four starts", () => {
  const EARLIER = "Specialised data helps more the earlier";
  assert.equal(find(grid((start) => 2 + start), EARLIER).verdict, "supported");
  assert.equal(find(grid((start) => 2 - start), EARLIER).verdict, "not supported");
  assert.equal(find(grid(() => 2), EARLIER).verdict, "undecided");
  const all = grid((start) => 2 + start);
  const fewer = { ...all, arms: all.arms.filter(({ start }) => start < 0.6) };
  assert.equal(find(fewer, EARLIER).verdict, "undecided");
  assert.ok(find(fewer, EARLIER).numbers.includes("rho = 1.00 over 3 starts"));
  const none = { ...all, arms: all.arms.filter(({ kind }) => kind !== "ablation") };
  assert.equal(find(none, EARLIER).verdict, "not measured");
});

Deno.test("start and weight: best weights and interaction must agree", () => {
  const INTERACT = "High weights work best";
  const [third, two_thirds] = [0.4, 0.6];
  const early = (start: number) => start < third;
  const bears = grid((start, weight) => early(start) ? 2 - weight : 2 + weight);
  assert.equal(find(bears, INTERACT).verdict, "supported");
  assert.deepEqual(find(bears, INTERACT).numbers.slice(0, 2), [
    "from 33.3%: best at 80.0% (1.200)",
    "from 66.7%: best at 10.0% (2.100)",
  ]);
  const reversed = grid((start, weight) => start < two_thirds ? 2 + weight : 2 - weight);
  assert.equal(find(reversed, INTERACT).verdict, "not supported");
  // High weights are best at both, only less so at the late start.
  assert.equal(
    find(grid((start, weight) => 2 - weight * (1 - start)), INTERACT).verdict,
    "undecided",
  );
  assert.equal(find(grid((_, weight) => 2 - weight), INTERACT).verdict, "undecided");
});

Deno.test("general loss and along the run: differences on that source at those checkpoints", () => {
  const [GENERAL, ALONG] = ["A midtrained model has", "The advantage exists"];
  const by_source = changed({
    comparison: ({ source }) => source === "c4" ? between(0.1, 0.2) : between(-0.2, -0.1),
  });
  assert.equal(find(by_source, GENERAL).verdict, "not supported");
  assert.equal(find(by_source, ALONG).verdict, "supported");
  assert.equal(find(by_source, ALONG).numbers.length, 3);
  const lower = changed({ comparison: () => between(-0.2, -0.1) });
  assert.equal(find(lower, GENERAL).verdict, "supported");
  const gone = changed({
    comparison: ({ arm }) => arm === "code_at_80" ? between(-0.1, 0.1) : between(-0.2, -0.1),
  });
  assert.equal(find(gone, ALONG).verdict, "undecided");
});

Deno.test("representations: intervals of arm and control do not overlap", () => {
  const MOVES = "Fine-tuning moves";
  const shifts = (of_arm: number): StudyMeasurements => {
    const all = studySample();
    const shift = Object.entries(all.shift).map(([pair, rows]) => {
      const moved = rows.map((row) => {
        const shift = row.model_a === "control" ? 0.5 : of_arm;
        return { ...row, shift, ci_low: shift - 0.1, ci_high: shift + 0.1 };
      });
      return [pair, moved];
    });
    return { ...all, shift: Object.fromEntries(shift) };
  };
  assert.equal(find(shifts(0.2), MOVES).verdict, "supported");
  assert.equal(find(shifts(0.45), MOVES).verdict, "undecided");
  assert.equal(find(shifts(0.9), MOVES).verdict, "not supported");
});

Deno.test("nothing measured gives no verdict", () => {
  const empty = Object.fromEntries(
    Object.entries(studySample()).map(([name, rows]) => [name, Array.isArray(rows) ? [] : {}]),
  ) as unknown as StudyMeasurements;
  for (const judge of FINDINGS) {
    const { verdict, finding } = judge(CONFIG, empty);
    assert.equal(verdict, "not measured", finding);
  }
});
