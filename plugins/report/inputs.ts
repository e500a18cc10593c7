/**
 * What the report is given: its config, and its input tables as rows.
 *
 * @module
 */
import { z } from "zod";
import { readInputs, type RowsOfInputs, tokenizersNote } from "@causeway/core/report";
import { type InputPorts, type Inputs, many, optional, ports } from "@causeway/core/stage";

const arm = z.strictObject({
  name: z.string().min(1).describe("short name, used in results.json and the tables"),
  label: z.string().min(1).describe("name shown to the reader"),
  before_sft: z.string().min(1).describe("model of this arm before fine-tuning, as evaluated"),
  after_sft: z.string().min(1).describe("model of this arm after fine-tuning, as evaluated"),
  trained: z.array(z.string().min(1)).min(1)
    .describe("labels of the training phases this arm went through before fine-tuning, in order"),
});

/** Config of the report. The first arm is the reference that every other arm is compared with. */
export const report_config = z.strictObject({
  title: z.string().min(1).describe("heading of the page"),
  description: z.string().default("").describe("what was trained, in a sentence or two"),
  target_source: z.string().min(1).describe("source of the fine-tuning validation set"),
  general_source: z.string().min(1).describe("held-out source on which forgetting is measured"),
  base: z.string().min(1).optional().describe("model at the branch point, as evaluated"),
  arms: z.array(arm).min(1).refine(
    (arms) => new Set(arms.map((each) => each.name)).size === arms.length,
    { error: "two arms have the same name; names must be unique" },
  ).describe("the arms to compare, at least one; each is compared with the first"),
});

export type ReportConfig = z.output<typeof report_config>;
export type Arm = ReportConfig["arms"][number];

/** Inputs of the report. All may be left out; their sections are then left out too. */
export const report_inputs = {
  evaluation: many(ports.evaluation, 0),
  similarity: optional(ports.similarity),
  cka: many(ports.cka, 0),
  training: many(ports.training_metrics, 0),
  validation: many(ports.validation_metrics, 0),
  mixtures: many(ports.mixture_ledger, 0),
  samples: many(ports.batch_samples, 0),
  data: optional(ports.dataset_summary),
} satisfies InputPorts;

type Rows = RowsOfInputs<typeof report_inputs>;

/** All measurements, as rows. Those of training phases are by label. */
export type Measurements = Omit<Rows, "evaluation" | "cka"> & {
  evaluation: Rows["evaluation"][string];
  cka: Rows["cka"][string];
  /** Set where the evaluations are of different tokenizers. */
  tokenizers_note?: string;
};

export type EvaluationRow = Measurements["evaluation"][number];
export type SimilarityRow = Measurements["similarity"][number];
export type CkaRow = Measurements["cka"][number];
export type TrainingRow = Measurements["training"][string][number];
export type ValidationRow = Measurements["validation"][string][number];
export type MixtureRow = Measurements["mixtures"][string][number];

/** Reads every input. Training phases are in the order in which they ran: shared, of each arm, then fine-tuning. */
export async function readMeasurements(
  inputs: Inputs<typeof report_inputs>,
  { arms }: ReportConfig,
): Promise<Measurements> {
  const order = [...arms.flatMap(({ trained }) => trained), ...arms.map((arm) => arm.after_sft)];
  const all = await readInputs(report_inputs, inputs, order);
  return {
    ...all,
    evaluation: Object.values(all.evaluation).flat(),
    cka: Object.values(all.cka).flat(),
    tokenizers_note: tokenizersNote(inputs.evaluation),
  };
}
