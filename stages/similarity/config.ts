import { z } from "zod";
import { similarity_fields } from "../../core/analysis/mod.ts";

export const config = z.strictObject({
  /** Sources to compare; all by default. */
  sources: z.array(z.string()).optional(),
  /** Mixtures to compare as well: shares by source, under a name of their own. */
  mixtures: z.record(z.string(), z.record(z.string(), z.number().min(0))).default({}),
  ...similarity_fields,
  /** Resamples of documents for intervals of 95% around similarities; 0 for none. */
  bootstrap: z.int().min(0).default(0),
});

export type Config = z.output<typeof config>;
