/**
 * Made-up measurements in the shape of a study, for the tests of the figures: smooth functions, no results.
 *
 * @module
 */
import type { StudyMeasurements } from "../read.ts";
import { ARMS, percent, SAMPLE_CONFIG } from "./sample_arms.ts";
import {
  sampleCka,
  sampleCurves,
  sampleRates,
  sampleShift,
  sampleSimilarity,
  sampleTasks,
} from "./sample_tables.ts";

type Arm = StudyMeasurements["arms"][number];

/** What fine-tuning on a target leaves of an arm, in the shape of losses but of no meaning. */
function lossOf({ specialised, weight, start, end }: Arm, target: string, source: string) {
  const of_target = SAMPLE_CONFIG.targets.findIndex(({ name }) => name === target);
  const fits = SAMPLE_CONFIG.matched.some((pair) =>
    pair.specialised === specialised && pair.target === target
  );
  const seen = weight * (end - start);
  const late = 0.3 * (1 - end);
  if (source === target) {
    return 2 + 0.3 * of_target + late - (fits ? 0.3 : 0.04) * Math.sqrt(seen);
  }
  return 4 + 0.05 * of_target + late + 0.4 * seen * start + 0.03 * weight;
}

type Comparison = StudyMeasurements["comparison"][number];

function compare(arm: Arm, target: string, source: string, seeds: number): Comparison {
  const reference_name = arm.kind === "along_run" ? `control_at_${percent(arm.end)}` : "control";
  const reference = ARMS.find(({ arm }) => arm === reference_name)!;
  const [own, other] = [arm, reference].map((each) => lossOf(each, target, source));
  const half = seeds > 1 ? 0.012 + 0.02 * arm.weight : NaN;
  const compared = arm.arm !== reference_name;
  const difference = compared ? own - other : NaN;
  return {
    arm: arm.arm,
    target,
    source,
    reference: reference_name,
    seeds,
    loss_before: own + (source === target ? 1.5 : -0.25),
    loss_after: own,
    sd_after: seeds > 1 ? 0.01 + 0.01 * arm.weight : NaN,
    difference,
    ci_low: difference - half,
    ci_high: difference + half,
    p: compared && seeds > 1 ? 0.03 : NaN,
    relative_improvement: compared ? -difference / other : NaN,
  };
}

function targetsOf({ kind, specialised }: Arm): string[] {
  const every = SAMPLE_CONFIG.targets.map(({ name }) => name);
  if (kind === "control" || kind === "midtrain") return every;
  return [
    SAMPLE_CONFIG.matched.find((pair) => pair.specialised === specialised)?.target ?? every[0],
  ];
}

/** Comparisons of all arms over `seeds` seeds. */
export function sampleComparison(seeds: number): Comparison[] {
  return ARMS.flatMap((arm) =>
    targetsOf(arm).flatMap((target) =>
      [target, SAMPLE_CONFIG.general].map((source) => compare(arm, target, source, seeds))
    )
  );
}

/** Everything a study may have measured. */
export function sampleMeasurements(seeds = 3): StudyMeasurements {
  const mixed = ARMS.filter(({ kind }) => kind === "midtrain");
  const comparison = sampleComparison(seeds);
  const pairs = mixed.flatMap((arm, i) =>
    SAMPLE_CONFIG.targets.map(({ name: target }, j) => {
      const near = targetsOf(arm).indexOf(target) >= 0 &&
        SAMPLE_CONFIG.matched.some((pair) =>
          pair.specialised === arm.specialised && pair.target === target
        );
      const general_to_target = 0.35 + 0.05 * j;
      const advantage = (near ? 0.12 : 0.01) * (1 + 0.1 * i) - 0.012 * ((i + 2 * j) % 4);
      const row = comparison.find((row) =>
        row.arm === arm.arm && row.target === target && row.source === target
      )!;
      return { arm: arm.arm, target, general_to_target, advantage, row, i };
    })
  );
  return {
    arms: ARMS,
    runs: [],
    comparison,
    proximity: pairs.map(({ arm, target, general_to_target, advantage, row }) => ({
      arm,
      target,
      similarity: general_to_target + advantage,
      similarity_general: general_to_target,
      advantage,
      relative_improvement: row.relative_improvement,
    })),
    correlation: [
      {
        choice: "as configured",
        is_default: 1,
        n: 20,
        r: 0.5,
        p: 0.025,
        ci_low: 0.07,
        ci_high: 0.77,
      },
      {
        choice: "cosine alone",
        is_default: 0,
        n: 20,
        r: 0.4,
        p: 0.08,
        ci_low: -0.05,
        ci_high: 0.72,
      },
    ],
    legs: pairs.map(({ arm, target, general_to_target, advantage, i }) => ({
      arm,
      target,
      general_to_mixture: 0.95 - 0.06 * i,
      mixture_to_target: general_to_target + advantage,
      general_to_target,
    })),
    similarity: sampleSimilarity(),
    cka: { code_pycode: sampleCka("code"), math_gsm8k: sampleCka("math") },
    shift: { code_pycode: sampleShift("code"), math_gsm8k: sampleShift("math") },
    ...sampleRates(),
    ...sampleCurves(),
    mixtures: {},
    tasks: sampleTasks(),
    evaluation: [],
    data: [],
  };
}
