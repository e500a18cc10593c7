/**
 * How long the steps of a plan will take, and how that is known.
 *
 * @module
 */
import type { StepForecast } from "../../runner/mod.ts";
import type { ComputeForecast } from "../../stage/mod.ts";

/** Seconds of a step. */
export interface StepTime {
  readonly seconds?: number;
  /** How the seconds are known, or why they are not. */
  readonly basis: string;
  /** Whether the step takes longer, by parts that the basis leaves out. */
  readonly at_least?: boolean;
}

/**
 * Times by step id. Best is what a step took when it last ran with this config; else the speed of another step of the
 * plan that computes the same products, when it last ran; else the speed of products on this machine now.
 *
 * @param measure FLOP/s of products; asked once for each kind.
 */
export async function planTimes(
  steps: readonly StepForecast[],
  measure: (compute: ComputeForecast) => Promise<number>,
): Promise<Map<string, StepTime>> {
  const speeds = new Map<string, Promise<StepTime & { rate: number }>>();
  const times = new Map<string, StepTime>();
  for (const { id, forecast = {}, past_seconds } of steps) {
    const { flops, compute } = forecast;
    if (past_seconds !== undefined) {
      times.set(id, { seconds: past_seconds, basis: "as in its last run" });
    } else if (flops === undefined || compute === undefined) {
      times.set(id, { basis: "not known" });
    } else {
      const kind = JSON.stringify(compute);
      if (!speeds.has(kind)) speeds.set(kind, speedOf(compute, kind, steps, measure));
      const { rate, ...known } = await speeds.get(kind)!;
      times.set(id, rate > 0 ? { ...known, seconds: flops / rate } : known);
    }
  }
  return times;
}

/** FLOP/s, 0 where they cannot be had. */
async function speedOf(
  compute: ComputeForecast,
  kind: string,
  steps: readonly StepForecast[],
  measure: (compute: ComputeForecast) => Promise<number>,
): Promise<StepTime & { rate: number }> {
  const like = steps.filter(({ forecast, past_seconds }) =>
    past_seconds !== undefined && forecast?.training && forecast.flops &&
    JSON.stringify(forecast.compute) === kind
  ).at(-1);
  if (like) {
    return {
      rate: like.forecast!.flops! / like.past_seconds!,
      basis: `at the speed of ${like.id} in its last run`,
    };
  }
  try {
    const rate = await measure(compute);
    const speed = `${Number((rate / 1e9).toPrecision(2))} GFLOP/s`;
    return {
      rate,
      basis: `matrix products alone, at ${speed} measured just now on ${compute.device}`,
      at_least: true,
    };
  } catch (error) {
    return { rate: 0, basis: `not known here: ${(error as Error).message}` };
  }
}
