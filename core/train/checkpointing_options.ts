/**
 * Which checkpoints along a phase become an output.
 *
 * @module
 */
import { z } from "zod";

const whole = z.number().int().positive();

/**
 * Config fields of stages that train. Steps are counted as in the metrics: from the beginning of the schedule, earlier
 * phases included.
 */
export const checkpointing_fields = {
  /** Steps whose checkpoints are kept; the one that the phase starts from may be among them. */
  keep_steps: z.array(z.number().int().nonnegative()).default([]),
  /** Keeps a checkpoint at every multiple of so many steps. */
  keep_every_steps: whole.optional(),
  /** Of the multiples of `keep_every_steps`, only the last so many. */
  keep_last: whole.optional(),
};

export type KeepOptions = Partial<z.output<z.ZodObject<typeof checkpointing_fields>>>;

/**
 * Steps whose checkpoints are kept, ascending. The length of a phase is known before its first step, so those that
 * `keep_last` leaves out need not be written at all.
 *
 * @param start step of the schedule at which the phase begins.
 * @param steps length of the phase.
 * @throws {Error} when a step is outside of the phase, or `keep_last` has nothing to choose from.
 *
 * @example
 * ```ts
 * import { keptSteps } from "./checkpointing_options.ts";
 * import assert from "node:assert/strict";
 * const options = { keep_steps: [50], keep_every_steps: 100, keep_last: 2 };
 * assert.deepEqual(keptSteps(options, 0, 450), [50, 300, 400]);
 * ```
 */
export function keptSteps(options: KeepOptions, start: number, steps: number): number[] {
  const { keep_steps = [], keep_every_steps: every, keep_last } = options;
  const end = start + steps;
  const outside = keep_steps.find((step) => step < start || step > end);
  if (outside !== undefined) {
    throw new Error(
      `keep_steps: step ${outside} is not one of this phase, which goes from ${start} to ${end}`,
    );
  }
  if (every === undefined && keep_last !== undefined) {
    throw new Error("keep_last takes keep_every_steps: it says how many of those are kept");
  }
  const regular: number[] = [];
  if (every !== undefined) {
    for (let step = every * (Math.floor(start / every) + 1); step <= end; step += every) {
      regular.push(step);
    }
  }
  const last = keep_last === undefined ? regular : regular.slice(-keep_last);
  return [...new Set([...keep_steps, ...last])].sort((a, b) => a - b);
}
