/**
 * Config of the evaluate_tasks stage.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "@causeway/core/config";
import { compute_fields } from "@causeway/core/engine";
import { gsm8k_schema } from "./gsm8k.ts";
import { mbpp_schema } from "./mbpp.ts";
import { sciq_schema } from "./sciq.ts";

export const config = z.strictObject({
  /** Tasks to run. Questions come from the data root or the Hugging Face Hub, like datasets. */
  tasks: z.strictObject({
    gsm8k: gsm8k_schema.optional(),
    sciq: sciq_schema.optional(),
    mbpp: mbpp_schema.optional(),
  }).refine((tasks) => Object.keys(tasks).length > 0, "must have at least one task"),
  /** Sequences per forward pass. */
  batch_size: positive_int.default(16),
  /** Bootstrap resamples for the interval of pass@k. */
  resamples: positive_int.default(1000),
  threads: compute_fields.threads,
  device: compute_fields.device,
});

export type Config = z.output<typeof config>;
