/**
 * Learning-rate schedules. The horizon belongs to the schedule, not to a phase: a midtraining phase goes on along
 * the curve that pretraining began.
 *
 * @module
 */
import { z } from "zod";

/** Cosine with linear warm-up (paper, section 3: 3e-4 to 1e-6 with 10% warm-up). */
export const schedule_schema = z.strictObject({
  /** Highest learning rate, reached at the end of the warm-up. */
  peak_lr: z.number().positive(),
  /** Learning rate at the horizon. */
  min_lr: z.number().nonnegative().default(0),
  /** Share of the horizon spent warming up. */
  warmup_ratio: z.number().min(0).max(1).default(0.1),
});

export type ScheduleConfig = z.output<typeof schedule_schema>;

/** A schedule with its horizon, in optimizer steps. */
export interface Schedule extends ScheduleConfig {
  horizon_steps: number;
}

/**
 * The learning rate of optimizer step `step`, counted from 0. With warm-up W and horizon T, in steps:
 *
 *     peak (t + 1) / W                                             for t < W
 *     min + (peak - min) (1 + cos(π (t + 1 - W) / (T - W))) / 2     after, and `min` past the horizon
 *
 * @example
 * ```ts
 * import { learningRate } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const schedule = { peak_lr: 1e-3, min_lr: 1e-5, warmup_ratio: 0.1, horizon_steps: 100 };
 * assert.equal(learningRate(schedule, 9), 1e-3);
 * assert.equal(learningRate(schedule, 99), 1e-5);
 * ```
 */
export function learningRate(schedule: Schedule, step: number): number {
  const { peak_lr, min_lr, horizon_steps } = schedule;
  const warmup_steps = Math.round(schedule.warmup_ratio * horizon_steps);
  if (step < warmup_steps) return peak_lr * (step + 1) / warmup_steps;
  const progress = (step + 1 - warmup_steps) / Math.max(1, horizon_steps - warmup_steps);
  return min_lr + (peak_lr - min_lr) * (1 + Math.cos(Math.PI * Math.min(1, progress))) / 2;
}
