/**
 * What a recipe tells the study report that its tables do not.
 *
 * @module
 */
import { z } from "zod";

const text = z.string().min(1);

export const study_report_config = z.strictObject({
  title: text.describe("heading of the page"),
  description: z.string().default("").describe("what was done, in a sentence or two"),
  general: text.describe("source of the general data, on which forgetting is measured"),
  targets: z.array(z.strictObject({
    name: text.describe("source that is fine-tuned on"),
    label: text.describe("its name for readers"),
  })).min(1).describe("what is fine-tuned on, in the order of the tables"),
  matched: z.array(z.strictObject({
    specialised: text.describe("source that a mixture adds"),
    target: text.describe("target that it is meant for"),
  })).default([]).describe("which mixture is meant for which target: the verdicts go by them"),
  distant: z.array(text).default([])
    .describe("specialised sources far from general data, for which the paper finds most"),
  facts: z.array(z.strictObject({
    name: text.describe("what is told"),
    value: z.string().describe("what is told of it"),
  })).default([]).describe("what else a reader should know: model, seeds, what stands in for what"),
});

export type StudyReportConfig = z.output<typeof study_report_config>;
