import { z } from "zod";
import { similarity_fields } from "../../core/analysis/mod.ts";

export const config = z.strictObject({
  /** Source that arms are trained on besides their specialised one. */
  general: z.string().default("general"),
  /** Targets to look at, which are sources too; all of the comparison by default. */
  targets: z.array(z.string()).nonempty().optional(),
  /** Kinds of arm that count. */
  kinds: z.array(z.enum(["control", "midtrain", "ablation", "continued", "along_run"])).nonempty()
    .default(["midtrain"]),
  /** What stands for an arm: its mixture, simulated at its weights, or its specialised source alone. */
  against: z.enum(["mixture", "specialised"]).default("mixture"),
  /** Confidence of the intervals. */
  confidence: z.number().gt(0).lt(1).default(0.95),
  ...similarity_fields,
});

export type Config = z.output<typeof config>;
