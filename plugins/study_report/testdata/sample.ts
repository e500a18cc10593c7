/**
 * Made-up measurements in the shape of a study, for tests: smooth functions, no results. Runs have means near those of the
 * comparison.
 *
 * @module
 */
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { ARMS, percent, SAMPLE_CONFIG } from "./sample_arms.ts";
import {
  sampleCka,
  sampleCurves,
  sampleRates,
  sampleShift,
  sampleSimilarity,
  sampleTasks,
  sampleTuning,
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
  const half = seeds > 1 ? 0.012 + 0.02 * arm.weight : null;
  const difference = arm.arm !== reference_name ? own - other : null;
  const bounds = difference !== null && half !== null ? [difference - half, difference + half] : [];
  return {
    arm: arm.arm,
    target,
    source,
    reference: reference_name,
    trunks: 1,
    seeds,
    replication: seeds > 1 ? "seeds" : "none",
    source_tokens: 60_000,
    loss_before: own + (source === target ? 1.5 : -0.25),
    loss_after: own,
    sd_after: seeds > 1 ? 0.01 + 0.01 * arm.weight : null,
    sd_trunks: null,
    sd_seeds: seeds > 1 ? 0.01 + 0.01 * arm.weight : null,
    difference,
    ci_low: bounds[0] ?? null,
    ci_high: bounds[1] ?? null,
    df: bounds.length > 0 ? seeds - 1 : null,
    p: bounds.length > 0 ? 0.03 : null,
    se_documents: difference === null ? null : 0.004,
    ci_documents_low: bounds.length > 0 ? bounds[0] - 0.004 : null,
    ci_documents_high: bounds.length > 0 ? bounds[1] + 0.004 : null,
    detectable: half === null || difference === null ? null : 1.3 * half,
    relative_improvement: difference === null ? null : -difference / other,
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
        trunks: 1,
        r: 0.5,
        p: 0.025,
        ci_low: 0.07,
        ci_high: 0.77,
        ci_resampled_low: -0.1,
        ci_resampled_high: 0.8,
      },
      {
        choice: "cosine alone",
        is_default: 0,
        n: 20,
        trunks: 1,
        r: 0.4,
        p: 0.08,
        ci_low: -0.05,
        ci_high: 0.72,
        ci_resampled_low: -0.2,
        ci_resampled_high: 0.75,
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
    ...sampleTuning(),
    mixtures: {},
    tasks: sampleTasks(),
    evaluation: [],
    data: [],
  };
}

export const STUDY_SAMPLE_CONFIG: StudyReportConfig = {
  ...SAMPLE_CONFIG,
  facts: [
    { name: "model", value: "none: <made-up> numbers & nothing else" },
    { name: "seeds of fine-tuning", value: "1, 2, 3" },
  ],
};

const SEEDS = [1, 2, 3];

/** Everything that a study may have measured, and nothing left out. */
export function studySample(): StudyMeasurements {
  const all = sampleMeasurements(SEEDS.length);
  return {
    ...all,
    runs: all.comparison.flatMap(runsOf),
    mixtures: Object.fromEntries(all.arms.map(({ arm }) => [arm, ledgerOf(all, arm)])),
    evaluation: evaluationOf(all),
    data: ["c4", "code", "math"].map((source) => ({
      source,
      dataset: `sample ${source}`,
      split: "train",
      documents: 1200,
      tokens: 345_678,
      text_bytes: 1_234_567,
      licence: "none: made up",
    })),
  };
}

/** What arms share by seed, which pairing takes out, and a little of their own. */
function runsOf(row: StudyMeasurements["comparison"][number], i: number) {
  return SEEDS.map((seed, s) => {
    const own = 0.003 * Math.sin(1.7 * i + 2.3 * s);
    const loss_after = row.loss_after + (row.sd_after ?? 0) * (s - 1) + own;
    return {
      arm: row.arm,
      target: row.target,
      trunk: 0,
      seed,
      learning_rate: 1e-3,
      source: row.source,
      loss_before: row.loss_before,
      loss_after,
      bits_per_byte_before: row.loss_before / 2.5,
      bits_per_byte_after: loss_after / 2.5,
    };
  });
}

function ledgerOf({ arms }: StudyMeasurements, name: string) {
  const { tokens, specialised, specialised_tokens } = arms.find(({ arm }) => arm === name)!;
  const drawn = [[SAMPLE_CONFIG.general, tokens - specialised_tokens] as const];
  if (specialised !== "") drawn.push([specialised, specialised_tokens]);
  return drawn.map(([source, of_source]) => ({
    from_token: 0,
    to_token: tokens,
    source,
    requested_share: of_source / tokens,
    achieved_share: of_source / tokens,
    tokens: of_source,
    available_tokens: 2 * tokens,
    phase_epochs: of_source / (2 * tokens),
    epochs: of_source / (2 * tokens),
  }));
}

function evaluationOf({ arms }: StudyMeasurements) {
  const whole = arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
  return whole.flatMap(({ arm: model, weight }) =>
    ["c4", "code", "math"].map((source, i) => {
      const loss = 4 + 0.3 * i - weight;
      return { model, source, loss, bits_per_byte: loss / 2.5, tokens: 20_000 };
    })
  );
}
