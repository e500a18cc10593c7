import { compute_fields } from "@causeway/core/engine";
import { z } from "zod";
import { distinct, positive_int } from "@causeway/core/config";
import { checkTuning, optimizer_schema, tuning_fields } from "@causeway/core/train";

const rate = z.number().positive();

/** Learning rates evenly spaced on a logarithmic axis; by default those of the paper's base checkpoint. */
const grid = z.strictObject({
  /** The lowest. */
  from: rate.default(4e-6),
  /** The highest. */
  to: rate.default(6e-3),
  /** Number of rates, both ends included. */
  count: positive_int.min(2).default(26),
}).refine(({ from, to }) => from < to, { message: "must be greater than from", path: ["to"] });

export const config = z.strictObject({
  ...tuning_fields,
  /** Source whose held-out loss decides the best rate; by default the first of `sources`. */
  target: z.string().optional(),
  /** Peak learning rates, as a grid or a list. */
  rates: z.union([z.array(rate).nonempty(), grid]).prefault({}),
  /** Learning rate at the end of the cosine. */
  min_lr: z.number().nonnegative().default(0),
  /** Share of the steps used for warmup. */
  warmup_ratio: z.number().min(0).max(1).default(0.1),
  optimizer: optimizer_schema.prefault({}),
  /** Held-out sources to measure, including the target; all by default. */
  held_out: distinct(z.array(z.string())).optional(),
  /** Sequences to evaluate per held-out source, evenly spaced over all of it. */
  max_sequences: positive_int.default(64),
  ...compute_fields,
}).superRefine(checkTuning);

export type Config = z.output<typeof config>;

/**
 * The learning rates of a config, ascending: rate_i = from (to / from)^(i / (count - 1)), to six digits.
 *
 * @example
 * ```ts
 * import { learningRates } from "./config.ts";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(learningRates({ from: 1e-4, to: 1e-2, count: 3 }), [1e-4, 1e-3, 1e-2]);
 * assert.deepEqual(learningRates([3e-4, 1e-4]), [1e-4, 3e-4]);
 * ```
 */
export function learningRates(rates: Config["rates"]): number[] {
  if (Array.isArray(rates)) return [...new Set(rates)].sort((a, b) => a - b);
  const { from, to, count } = rates;
  return Array.from({ length: count }, (_, i) => {
    return Number((from * (to / from) ** (i / (count - 1))).toPrecision(6));
  });
}
