import { z } from "zod";

export const config = z.strictObject({
  /** Optimizer steps on the schedule, as in the metrics; one that the stage before kept. */
  step: z.number().int().nonnegative(),
});

export type Config = z.output<typeof config>;
