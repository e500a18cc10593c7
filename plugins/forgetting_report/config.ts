/**
 * The config of the report.
 *
 * @module
 */
import { z } from "zod";

const name = z.string().min(1);

/** Fine-tuned models that differ in one setting. */
const tradeoff = z.strictObject({
  target: name.describe("source that the models were fine-tuned for"),
  general: name.describe("source on which forgetting is measured"),
  setting: name.default("share of replay").describe("what the labels are values of"),
  points: z.array(z.strictObject({
    label: name.describe("value of the setting, shown beside the point"),
    model: name.describe("the fine-tuned model, as evaluated"),
    before: name.describe("the model that it was tuned from, as evaluated"),
  })).min(1).describe("models in the order of the setting; equal labels are runs of other trunks"),
});

/** Models along one run. */
const chain = z.strictObject({
  label: name.describe("name shown to the reader"),
  models: z.array(z.strictObject({
    label: name.describe("the stage, as shown"),
    model: name.describe("the model after the stage, as evaluated"),
  })).min(2).describe("the model after each stage, in order"),
});

export const config = z.strictObject({
  title: name.describe("heading of the page"),
  description: z.string().default("").describe("what was trained, in a sentence or two"),
  tradeoffs: z.array(tradeoff).default([]).describe("a figure for each"),
  chains: z.array(chain).default([]).describe("a matrix of stages and sources for each"),
}).refine(({ tradeoffs, chains }) => tradeoffs.length + chains.length > 0, {
  error: "give at least one of tradeoffs and chains: there would be nothing to show",
});

export type Config = z.output<typeof config>;
export type Tradeoff = z.output<typeof tradeoff>;
export type Chain = z.output<typeof chain>;
