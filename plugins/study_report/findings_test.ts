import assert from "node:assert/strict";
import type { Interval } from "@causeway/core/analysis";
import { judgeAll, JUDGES } from "./findings/mod.ts";
import type { StudyMeasurements } from "./inputs.ts";
import { STUDY_SAMPLE_CONFIG as CONFIG, studySample } from "./testdata/sample.ts";
import { trunkSample } from "./testdata/trunks.ts";
import { conclude, type Finding, judge, LEAST_TOKENS, type Verdict } from "./verdict.ts";

/** The one finding of an id, and of a source where each is judged apart. */
function find(all: StudyMeasurements, id: string, specialised?: string): Finding {
  const found = judgeAll(CONFIG, all)
    .filter((each) => each.id === id && each.specialised === specialised);
  assert.equal(found.length, 1, id);
  return found[0];
}

const verdict = (...of: Parameters<typeof find>): Verdict => find(...of).verdict;

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
  return { difference: (ci_low + ci_high) / 2, ci_low, ci_high, replication: "seeds" };
};
const unknown = { ci_low: null, ci_high: null };

Deno.test("an interval that includes 0 or is missing leaves a verdict undecided", () => {
  assert.equal(judge([]), "not measured");
  assert.equal(judge([between(-2, -1), between(-0.2, -0.1)]), "supported");
  assert.equal(judge([between(-2, -1), between(-0.2, 0.1)]), "undecided");
  assert.equal(judge([between(-2, -1), between(0.1, 0.2)]), "not supported");
  assert.equal(judge([between(-0.1, 0.3), between(-0.2, 0.4)]), "undecided");
  assert.equal(judge([{ difference: -1, ...unknown, replication: "none" }]), "undecided");
});

Deno.test("published means have no intervals: their signs decide", () => {
  const mean = (difference: number) => ({ difference, ...unknown, replication: "means" });
  assert.equal(judge([mean(-0.1), mean(-0.01)]), "supported");
  assert.equal(judge([mean(-0.1), mean(0.01)]), "not supported");
  assert.equal(judge([mean(-0.1), mean(0)]), "undecided");
});

Deno.test("in domain: code and math apart, each on its own target", () => {
  const noisy_math = changed({
    comparison: ({ arm }) => ({
      ...between(-0.2, arm === "math" ? 0.1 : -0.1),
      ci_documents_low: -0.25,
      ci_documents_high: -0.05,
    }),
  });
  assert.equal(verdict(noisy_math, "in_domain", "code"), "supported");
  assert.equal(verdict(noisy_math, "in_domain", "math"), "undecided");
  assert.deepEqual(find(noisy_math, "in_domain", "code").numbers, [
    "code 20% from 10%, Pycode: -0.150 [-0.200, -0.100], with documents [-0.250, -0.050]",
  ]);
  // A mixture near general data may harm: it is no part of these findings.
  const flan_harms = changed({
    comparison: ({ arm }) => arm === "flan" ? between(0.1, 0.3) : between(-0.2, -0.1),
  });
  assert.equal(verdict(flan_harms, "in_domain", "code"), "supported");
  const worse = changed({ comparison: ({ arm }) => between(arm === "code" ? 0.1 : -0.2, 0.3) });
  assert.equal(verdict(worse, "in_domain", "code"), "not supported");
});

Deno.test("too few held-out tokens of a source: not testable, and the note says which", () => {
  const few = changed({
    comparison: ({ source }) => ({
      ...between(-0.2, -0.1),
      source_tokens: source === "pycode" ? LEAST_TOKENS : LEAST_TOKENS + 1,
    }),
  });
  const code = find(few, "in_domain", "code");
  assert.equal(code.verdict, "not testable here");
  assert.match(code.note, /^pycode has 40,960 held-out tokens; a finding needs more than 40,960/);
  assert.equal(verdict(few, "in_domain", "math"), "supported");
  assert.equal(verdict(few, "retention", "code"), "supported");
  assert.equal(verdict(few, "bridge"), "not testable here");
});

Deno.test("one trunk is said in the note, several are not; power is the largest of the differences", () => {
  const once = find(studySample(), "in_domain", "code");
  assert.match(once.note, /one trunk: nothing is known about training noise/);
  const several = find(trunkSample(), "in_domain", "code");
  assert.equal(several.note, "");
  assert.ok(several.detectable! > 0.02, `${several.detectable}`);
  const claim = { id: "a", from: "v1", finding: "", rule: "" };
  const effect = { label: "", unit: "nats" as const, ...between(-2, -1) };
  const effects = [{ ...effect, detectable: 0.1 }, { ...effect, detectable: 0.3 }];
  const { detectable } = conclude(claim, studySample(), { verdict: "supported", effects, on: [] });
  assert.equal(detectable, 0.3);
});

/** Losses of an arm by target, source and seed, in runs and as means. */
const lossesOf = (
  losses: (row: { arm: string; target: string; source: string }, seed: number) => number,
) =>
  changed({
    runs: (row) => ({ loss_after: losses(row, row.seed) }),
    comparison: (row) => ({ loss_after: losses(row, 2) }),
  });
/** Differences between seeds, which pairing removes, and a little noise. */
const noise = (arm: string, seed: number) => 0.5 * seed + 0.001 * ((seed + arm.length) % 3);

Deno.test("gains: the own mixture is best, near and mismatched ones gain less", () => {
  const gains: Record<string, number> = {
    "code pycode": 0.4,
    "math gsm8k": 0.3,
    "flan lima": 0.05,
  };
  const all = lossesOf(({ arm, target }, seed) =>
    4 - (gains[`${arm} ${target}`] ?? 0) + noise(arm, seed)
  );
  for (const source of ["code", "math"]) {
    assert.equal(verdict(all, "own_mixture_is_best", source), "supported");
  }
  assert.equal(verdict(all, "largest_for_distant"), "supported");
  assert.equal(verdict(all, "mismatched_gain_less"), "supported");
  assert.match(
    find(all, "mismatched_gain_less").numbers[0],
    /^mean gain of 15 mismatched pairs − code/,
  );
  gains["flan lima"] = 0.6;
  gains["dclm gsm8k"] = 0.5;
  const other = lossesOf(({ arm, target }, seed) =>
    4 - (gains[`${arm} ${target}`] ?? 0) + noise(arm, seed)
  );
  assert.equal(verdict(other, "own_mixture_is_best", "code"), "supported");
  assert.equal(verdict(other, "own_mixture_is_best", "math"), "not supported");
  assert.equal(verdict(other, "largest_for_distant"), "not supported");
});

Deno.test("proximity: the interval with the default options decides", () => {
  const correlated = (interval: Interval): StudyMeasurements => {
    const all = studySample();
    return {
      ...all,
      correlation: all.correlation.map((row) => {
        const { ci_low: ci_resampled_low, ci_high: ci_resampled_high } = interval;
        return row.is_default ? { ...row, ci_resampled_low, ci_resampled_high } : row;
      }),
    };
  };
  assert.equal(verdict(correlated(between(0.2, 0.6)), "bridge"), "supported");
  assert.equal(verdict(correlated(between(-0.2, 0.6)), "bridge"), "undecided");
  assert.equal(verdict(correlated(between(-0.6, -0.1)), "bridge"), "not supported");
  // Fewer than three arms: Fisher's z, from 0.07 to 0.77.
  assert.equal(verdict(correlated(unknown), "bridge"), "supported");
  assert.equal(
    find(correlated(between(-0.2, 0.6)), "bridge").numbers[0],
    "r = 0.50 [-0.20, 0.60], n = 20; nominal, as if pairs were independent: [0.07, 0.77], p = 0.0250",
  );
});

Deno.test("continued pretraining: each source, in domain and general apart, paired by seed", () => {
  // In domain the mixture is better by 0.1, on general data worse.
  const all = lossesOf(({ arm, source }, seed) => {
    const continued = arm.includes("_only_") ? 0.1 : 0;
    return (source === "c4" ? -continued : continued) + 2 + noise(arm, seed);
  });
  for (const source of ["code", "math"]) {
    assert.equal(verdict(all, "continued_in_domain", source), "supported");
    assert.equal(find(all, "continued_in_domain", source).numbers.length, 2);
    assert.equal(verdict(all, "continued_retention", source), "not supported");
  }
  const level = lossesOf(({ arm }, seed) => 2 + (arm.includes("_only_") ? 0.3 * (seed - 2) : 0));
  assert.equal(verdict(level, "continued_in_domain", "code"), "undecided");
  const one_seed = { ...all, runs: all.runs.filter(({ seed }) => seed === 1) };
  assert.equal(verdict(one_seed, "continued_in_domain", "code"), "undecided");
});

/** Losses by start and weight. */
function grid(lossOf: (start: number, weight: number) => number): StudyMeasurements {
  const { arms } = studySample();
  return lossesOf(({ arm }, seed) => {
    const { start, weight } = arms.find((each) => each.arm === arm)!;
    return lossOf(start, weight) + noise(arm, seed);
  });
}

Deno.test("timing over weight: the larger variance decides", () => {
  assert.equal(
    verdict(grid((start, weight) => 2 + start + 0.1 * weight), "timing_over_weight"),
    "supported",
  );
  assert.equal(
    verdict(grid((start, weight) => 2 + 0.1 * start + weight), "timing_over_weight"),
    "not supported",
  );
  assert.equal(verdict(grid(() => 2), "timing_over_weight"), "undecided");
  const { numbers } = find(grid((start) => 2 + start), "timing_over_weight");
  // Starts 0.1, 1/3, 1/2, 2/3, 0.8 at weight 20% have a standard deviation of 0.275.
  assert.match(numbers[1], /^standard deviation along starts 0\.275, along weights 0\.000$/);
});

Deno.test("early and late starts: the ends decide, at equal weight and at equal tokens", () => {
  const EARLY = ["early_beats_late", "early_at_equal_tokens"];
  for (const id of EARLY) {
    assert.equal(verdict(grid((start) => 2 + start), id), "supported");
    assert.equal(verdict(grid((start) => 2 - start), id), "not supported");
    assert.equal(verdict(grid(() => 2), id), "undecided");
  }
  // More weight helps: the late starts of equal tokens have more of it, those of equal weight do not.
  const heavy = grid((start, weight) => 2 + start - 3 * weight);
  assert.deepEqual(EARLY.map((id) => verdict(heavy, id)), ["supported", "not supported"]);
  const all = grid((start) => 2 + start);
  assert.ok(find(all, EARLY[0]).numbers.includes("rho = 1.00 over 5 starts"));
  assert.ok(find(all, EARLY[1]).numbers.includes("from 0.0% at 18.0%: 3.001"));
  const first_half = { ...all, arms: all.arms.filter(({ start }) => start < 0.5) };
  assert.equal(verdict(first_half, EARLY[0]), "not measured");
  const none = { ...all, arms: all.arms.filter(({ kind }) => kind !== "ablation") };
  for (const id of EARLY) assert.equal(verdict(none, id), "not measured");
});

Deno.test("start and weight: best weights and interaction must agree", () => {
  const INTERACT = "start_and_weight";
  const [third, two_thirds] = [0.4, 0.6];
  const bears = grid((start, weight) => start < third ? 2 - weight : 2 + weight);
  assert.equal(verdict(bears, INTERACT), "supported");
  assert.deepEqual(
    find(bears, INTERACT).numbers.slice(1).map((line) => line.replace(/ \(.*/, "")),
    ["from 33.3%: best at 80.0%", "from 66.7%: best at 10.0%"],
  );
  const reversed = grid((start, weight) => start < two_thirds ? 2 + weight : 2 - weight);
  assert.equal(verdict(reversed, INTERACT), "not supported");
  // High weights are best at both, only less so at the late start.
  assert.equal(verdict(grid((start, weight) => 2 - weight * (1 - start)), INTERACT), "undecided");
  assert.equal(verdict(grid((_, weight) => 2 - weight), INTERACT), "undecided");
});

Deno.test("retention: code and math apart, on general data", () => {
  const by_arm = changed({
    comparison: ({ arm, source }) =>
      source === "c4"
        ? between(arm === "math" ? 0.1 : -0.2, arm === "math" ? 0.2 : -0.1)
        : undefined,
  });
  assert.equal(verdict(by_arm, "retention", "code"), "supported");
  assert.equal(verdict(by_arm, "retention", "math"), "not supported");
});

Deno.test("along the run: gains at every checkpoint, retention from a third on and not before", () => {
  const at = (general: (arm: string) => [number, number], domain = between(-0.2, -0.1)) =>
    changed({
      comparison: ({ arm, source }) => source === "c4" ? between(...general(arm)) : domain,
    });
  const below = (): [number, number] => [-0.2, -0.1];
  const all = at(below);
  assert.equal(verdict(all, "gains_at_once"), "supported");
  assert.equal(find(all, "gains_at_once").numbers.length, 3);
  assert.equal(verdict(at(below, between(-0.1, 0.1)), "gains_at_once"), "undecided");
  // The sample's first checkpoint is at a third: there is none before it.
  assert.equal(verdict(all, "retention_later"), "supported");
  assert.ok(
    find(all, "retention_later").numbers.includes("no checkpoint before a third of the run"),
  );
  const earlier = (measured: StudyMeasurements) => ({
    ...measured,
    arms: measured.arms.map((arm) => arm.arm === "code_at_33" ? { ...arm, end: 0.2 } : arm),
  });
  assert.equal(verdict(earlier(all), "retention_later"), "not supported"); // there at once
  const later = at((arm) => arm === "code_at_33" ? [-0.1, 0.1] : [-0.2, -0.1]);
  assert.equal(verdict(earlier(later), "retention_later"), "supported");
  const gone = at((arm) => arm === "code_at_80" ? [0.1, 0.2] : [-0.2, -0.1]);
  assert.equal(verdict(gone, "retention_later"), "not supported");
});

Deno.test("representations: intervals of arm and control do not overlap", () => {
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
  assert.equal(verdict(shifts(0.2), "final_layer_shift"), "supported");
  assert.equal(verdict(shifts(0.45), "final_layer_shift"), "undecided");
  assert.equal(verdict(shifts(0.9), "final_layer_shift"), "not supported");
});

Deno.test("nothing measured gives no verdict", () => {
  const empty = Object.fromEntries(
    Object.entries(studySample()).map(([name, rows]) => [name, Array.isArray(rows) ? [] : {}]),
  ) as unknown as StudyMeasurements;
  for (const judge of JUDGES) {
    for (const { verdict, finding } of judge(CONFIG, empty)) {
      assert.equal(verdict, "not measured", finding);
    }
  }
});
