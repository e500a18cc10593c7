/**
 * What the study report is given: its config, and its input tables as rows.
 *
 * @module
 */
import { z } from "zod";
import { readInputs, type RowsOfInputs, tokenizersNote } from "@causeway/core/report";
import {
  type InputPorts,
  type Inputs,
  many,
  optional,
  ports,
  study_ports,
} from "@causeway/core/stage";

const text = z.string().min(1);

export const study_report_config = z.strictObject({
  title: text.describe("heading of the page"),
  description: z.string().default("").describe("what was done, in a sentence or two"),
  general: text.describe("source of the general data, on which forgetting is measured"),
  targets: z.array(z.strictObject({
    name: text.describe("source of the fine-tuning set"),
    label: text.describe("name shown to the reader"),
  })).min(1).describe("fine-tuning sets, in display order"),
  matched: z.array(z.strictObject({
    specialised: text.describe("source that a mixture adds"),
    target: text.describe("target that it is meant for"),
  })).default([]).describe(
    "which mixture is meant for which target; verdicts are based on these pairs",
  ),
  distant: z.array(text).default([])
    .describe("specialised sources far from general data, where the paper finds the largest gains"),
  facts: z.array(z.strictObject({
    name: text.describe("name of the fact"),
    value: z.string().describe("its value"),
  })).default([]).describe(
    "further facts for the reader, such as model, seeds and substituted data",
  ),
  compare_with: z.enum(["paper_70m", "paper_160m", "paper_410m"]).optional().describe(
    "shows the paper's own numbers of this model size beside those of the study, sign by sign, and judges them by the same rules",
  ),
});

export type StudyReportConfig = z.output<typeof study_report_config>;

/** Inputs of the report. All may be left out; their sections are then left out too. */
export const study_report_inputs = {
  arms: optional(study_ports.study_arms),
  runs: optional(study_ports.study_runs),
  comparison: optional(study_ports.study_comparison),
  proximity: optional(study_ports.proximity),
  correlation: optional(study_ports.proximity_correlation),
  legs: optional(study_ports.proximity_legs),
  similarity: optional(ports.similarity),
  /** By pair of arm and target. */
  cka: many(ports.cka, 0),
  shift: many(ports.final_layer_shift, 0),
  /** By target. */
  rates: many(study_ports.learning_rate_losses, 0),
  best: many(ports.learning_rates, 0),
  /** By phase. */
  training: many(ports.training_metrics, 0),
  validation: many(ports.validation_metrics, 0),
  /**
   * By fine-tuning run; labels begin with `<arm>.<target>.`. Only the control and main arms are shown, in any number of
   * runs, which are averaged.
   */
  tuning: many(ports.training_metrics, 0),
  tuning_validation: many(ports.validation_metrics, 0),
  mixtures: many(ports.mixture_ledger, 0),
  /** By task. */
  tasks: many(study_ports.task_results, 0),
  evaluation: many(ports.evaluation, 0),
  data: optional(ports.dataset_summary),
} satisfies InputPorts;

type Rows = RowsOfInputs<typeof study_report_inputs>;

/** All measurements, as rows; those of several tables by label. */
export type StudyMeasurements = Omit<Rows, "tasks" | "evaluation"> & {
  tasks: Rows["tasks"][string];
  evaluation: Rows["evaluation"][string];
  /** Set where the evaluations are of different tokenizers. */
  tokenizers_note?: string;
};

export type ArmRow = StudyMeasurements["arms"][number];
/** An arm on one held-out source after fine-tuning on one target, compared with its reference. */
export type ComparisonRow = StudyMeasurements["comparison"][number];

/** Reads every input; an input that is not wired has no rows. */
export async function readMeasurements(
  inputs: Inputs<typeof study_report_inputs>,
): Promise<StudyMeasurements> {
  const all = await readInputs(study_report_inputs, inputs);
  const { tasks, evaluation } = all;
  return {
    ...all,
    tasks: Object.values(tasks).flat(),
    evaluation: Object.values(evaluation).flat(),
    tokenizers_note: tokenizersNote(inputs.evaluation),
  };
}
