/**
 * What a recipe tells the report: which source is the target, which is general text, and what the arms are.
 *
 * @module
 */
import { z } from "zod";

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
    { error: "two arms have the same name; give each its own" },
  ).describe("what is compared, at least one; every other arm is compared with the first"),
});

export type ReportConfig = z.infer<typeof report_config>;
/** Labels of all phases in the order in which they ran: shared and own training, then fine-tuning. */
export function phaseOrder({ arms }: ReportConfig): string[] {
  return [...arms.flatMap((each) => each.trained), ...arms.map((each) => each.after_sft)];
}

export type Arm = ReportConfig["arms"][number];
