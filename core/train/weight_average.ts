/**
 * Averages of the weights along a phase, beside training: they change nothing of it.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "../config/mod.ts";
import type { GroupName, ParameterArrays } from "../model/mod.ts";

/** Config of an average, by `kind`. */
export const weight_average_schema = z.discriminatedUnion("kind", [
  z.strictObject({
    /**
     * "ema": the exponential moving average of the weights after each step, from those that the phase begins with; "last":
     * the mean of the weights at the phase's last points.
     */
    kind: z.literal("ema"),
    /** ema: share of the average that a step leaves. */
    decay: z.number().gt(0).lt(1).default(0.999),
  }),
  z.strictObject({
    kind: z.literal("last"),
    /** last: number of points, the end of the phase among them. */
    points: positive_int.min(2),
    /** last: steps between two points. */
    every_steps: positive_int,
  }),
]);

export type WeightAverageConfig = z.output<typeof weight_average_schema>;

/** Config fields of stages that train. */
export const averaging_fields = {
  /** An average of the weights that becomes the output `averaged`; training does not see it. On the CPU only. */
  weight_average: weight_average_schema.optional(),
};

/**
 * How far the average moves to the weights p after `done` of the `steps` steps of a phase: a ← a + f (p - a).
 *
 *     ema    f = 1 - decay                    a_0 = p_0
 *     last   f = 1/i at point i = 1, 2, …     points are the last of every_steps, counted back from the end; else f = 0
 */
export function averageRate(config: WeightAverageConfig, done: number, steps: number): number {
  if (config.kind === "ema") return 1 - config.decay;
  const { points, every_steps } = config;
  const before_end = (steps - done) / every_steps;
  return Number.isInteger(before_end) && before_end < points ? 1 / (points - before_end) : 0;
}

/** @throws {Error} when the points of an average begin before the phase. */
export function checkAverage(config: WeightAverageConfig | undefined, steps: number): void {
  if (config?.kind !== "last" || (config.points - 1) * config.every_steps < steps) return;
  const { points, every_steps } = config;
  throw new Error(
    `weight_average: ${points} points of every ${every_steps} steps begin before this phase of ` +
      `${steps} steps; lower points or every_steps`,
  );
}

/** a ← a + rate (p - a), in float64 and rounded once. */
export function moveTowards(a: ParameterArrays, p: ParameterArrays, rate: number): void {
  for (const group of Object.keys(a.groups) as GroupName[]) {
    move(a.groups[group], p.groups[group], rate);
  }
}

/** a ← a + rate (p - a) of flat arrays. */
export function move(a: Float32Array, p: Float32Array, rate: number): void {
  if (rate === 0) return;
  for (let i = 0; i < a.length; i++) a[i] += rate * (p[i] - a[i]);
}
