/**
 * The paper's numbers in the shape of a study's measurements, so that the same rules judge both.
 *
 * @module
 */
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import {
  PAPER,
  PAPER_GENERAL,
  PAPER_STEPS,
  PAPER_TOKENS,
  type PaperLoss,
  type PaperModel,
} from "./tables.ts";

const LABELS: Readonly<Record<string, string>> = {
  pycode: "Pycode",
  gsm8k: "GSM8K",
  lima: "LIMA",
  sciq: "SciQ",
};

/** The paper's experiment as the config of a report. */
export const PAPER_CONFIG: StudyReportConfig = {
  title: "The paper",
  description: "",
  general: PAPER_GENERAL,
  targets: Object.entries(LABELS).map(([name, label]) => ({ name, label })),
  matched: [
    { specialised: "starcoder", target: "pycode" },
    { specialised: "math", target: "gsm8k" },
    { specialised: "flan", target: "lima" },
    { specialised: "knowledge_qa", target: "sciq" },
    { specialised: "dclm", target: "lima" },
  ],
  distant: ["starcoder", "math"],
  facts: [],
};

/** Seeds of each published mean. */
const SEEDS = 5;

const arm = (more: Partial<ArmRow> & Pick<ArmRow, "arm" | "label" | "kind">): ArmRow => {
  const { weight = 0, start = 0 } = more;
  const specialised_tokens = PAPER_TOKENS * weight * (1 - start);
  return {
    specialised: "",
    end: 1,
    tokens: PAPER_TOKENS,
    weight,
    start,
    specialised_tokens,
    ...more,
  };
};

/** A published mean: no intervals, no losses by seed, and held-out sets that are taken to be large enough. */
function published(arm: string, target: string, source: string, loss_after: number): ComparisonRow {
  return {
    arm,
    target,
    source,
    reference: CONTROL,
    trunks: 1,
    seeds: SEEDS,
    loss_before: NaN,
    loss_after,
    sd_after: null,
    sd_trunks: null,
    sd_seeds: null,
    difference: null,
    ci_low: null,
    ci_high: null,
    df: null,
    p: null,
    se_documents: null,
    ci_documents_low: null,
    ci_documents_high: null,
    detectable: null,
    replication: "means",
    source_tokens: Infinity,
    relative_improvement: null,
  };
}

const CONTROL = PAPER_GENERAL;

/** Losses, arms and correlation of one model size. What is not published as a number is not there. */
export function paperMeasurements(model: PaperModel): StudyMeasurements {
  const of = <R extends { readonly model: string }>(rows: readonly R[]) =>
    rows.filter((row) => row.model === model);
  const mixtures = PAPER.mixtures.map(({ mixture, label, weight, start_step }) =>
    arm({
      arm: mixture,
      label,
      kind: "midtrain",
      specialised: mixture,
      weight,
      start: start_step / PAPER_STEPS,
    })
  );
  const alone = of(PAPER.continued).map((row) => ({
    row,
    arm: arm({
      arm: `${row.mixture}_only`,
      label: `${row.mixture} alone`,
      kind: "continued",
      specialised: row.mixture,
      weight: 1,
      start: row.start_step / PAPER_STEPS,
    }),
  }));
  const main_starts = new Map(PAPER.mixtures.map((row) => [row.mixture, row.start_step]));
  const timing = of(PAPER.timing).filter((row) => main_starts.get(row.mixture) !== row.start_step)
    .map((row) => ({
      row,
      arm: arm({
        arm: `${row.mixture}_from_${row.start_step}`,
        label: `${row.mixture} from ${row.start_step / 1000}k`,
        kind: "ablation",
        specialised: row.mixture,
        weight: row.weight,
        start: row.start_step / PAPER_STEPS,
      }),
    }));
  const both = (name: string, { target, loss_target, loss_c4 }: PaperLoss) => [
    published(name, target, target, loss_target),
    published(name, target, PAPER_GENERAL, loss_c4),
  ];
  const rows = [
    ...of(PAPER.losses).flatMap((row) => both(row.mixture, row)),
    ...alone.flatMap(({ arm, row }) => both(arm.arm, row)),
    ...timing.map(({ arm, row }) => published(arm.arm, row.target, row.target, row.loss_target)),
  ];
  const control = arm({ arm: CONTROL, label: "C4", kind: "control" });
  return {
    ...NOTHING,
    arms: [control, ...mixtures, ...alone.map(({ arm }) => arm), ...timing.map(({ arm }) => arm)],
    comparison: compared(rows),
    correlation: of(PAPER.correlations).map(({ version, r }, i) => ({
      choice: version,
      is_default: i === 0 ? 1 : 0,
      n: 0,
      r,
      p: null,
      ci_low: null,
      ci_high: null,
      trunks: 1,
      ci_resampled_low: null,
      ci_resampled_high: null,
    })),
  };
}

/** Adds the differences from the control. */
function compared(rows: readonly ComparisonRow[]): ComparisonRow[] {
  return rows.map((row) => {
    const base = rows.find((other) => {
      return other.arm === CONTROL && other.target === row.target && other.source === row.source;
    });
    if (!base || base === row) return row;
    const difference = row.loss_after - base.loss_after;
    return { ...row, difference, relative_improvement: -difference / base.loss_after };
  });
}

const NOTHING: StudyMeasurements = {
  arms: [],
  runs: [],
  comparison: [],
  proximity: [],
  correlation: [],
  legs: [],
  similarity: [],
  cka: {},
  shift: {},
  rates: {},
  best: {},
  training: {},
  validation: {},
  tuning: {},
  tuning_validation: {},
  mixtures: {},
  tasks: [],
  evaluation: [],
  data: [],
};
