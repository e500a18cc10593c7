/**
 * How long the steps of a plan will take: as in an earlier run, or from the speed of matrix products on this machine.
 *
 * @module
 */
import {
  compile,
  type Device,
  type Kernels,
  type SessionOptions,
  type Tensor,
  Transfer,
} from "../../engine/mod.ts";
import { gather, gemm, Graph } from "../../graph/mod.ts";
import type { StepForecast } from "../../runner/mod.ts";
import type { ComputeForecast } from "../../stage/mod.ts";

/** Seconds of a step. */
export interface StepTime {
  readonly seconds?: number;
  /** How the seconds are known, or why they are not. */
  readonly basis: string;
  /** True where the basis leaves out parts of the step. */
  readonly at_least?: boolean;
}

/**
 * Times by step id, from the best source there is: the last run of the step with this config; the speed of the last run of
 * another step with the same matrix products; the speed of matrix products on this machine now; for a stage without a
 * forecast of FLOPs, the mean time of other steps of this stage.
 *
 * @param measure FLOP/s of products; called once for each kind.
 */
export async function planTimes(
  steps: readonly StepForecast[],
  measure: (compute: ComputeForecast) => Promise<number>,
): Promise<Map<string, StepTime>> {
  const speeds = new Map<string, Promise<StepTime & { rate: number }>>();
  const times = new Map<string, StepTime>();
  for (const { id, stage, forecast = {}, past_seconds } of steps) {
    const { flops, compute } = forecast;
    if (past_seconds !== undefined) {
      times.set(id, { seconds: past_seconds, basis: "as in its last run" });
    } else if (flops === undefined || compute === undefined) {
      times.set(id, likeStage(stage, steps));
    } else {
      const kind = JSON.stringify(compute);
      if (!speeds.has(kind)) speeds.set(kind, speedOf(compute, kind, steps, measure));
      const { rate, ...known } = await speeds.get(kind)!;
      times.set(id, rate > 0 ? { ...known, seconds: flops / rate } : known);
    }
  }
  return times;
}

/** The mean time of the steps of a stage that have run. */
function likeStage(stage: string, steps: readonly StepForecast[]): StepTime {
  const ran = steps.flatMap((step) => step.stage === stage ? step.past_seconds ?? [] : []);
  if (ran.length === 0) return { basis: "unknown" };
  const seconds = ran.reduce((sum, one) => sum + one, 0) / ran.length;
  return { seconds, basis: `as other steps of stage ${stage} in their last runs` };
}

/** FLOP/s, 0 where unknown. */
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
    const rate = like.forecast!.flops! / like.past_seconds!;
    return { rate, basis: `at the speed of ${like.id} in its last run` };
  }
  try {
    const rate = await measure(compute);
    const speed = `${Number((rate / 1e9).toPrecision(2))} GFLOP/s`;
    const basis = `matrix products alone, at ${speed} measured just now on ${compute.device}`;
    return { rate, basis, at_least: true };
  } catch (error) {
    return { rate: 0, basis: `unknown here: ${(error as Error).message}` };
  }
}

/** More rows do not change the speed. */
const MAX_ROWS = 256;
/** FLOPs of a run, enough to make its overhead negligible. */
const FLOPS_PER_RUN = 1e9;
/** More products take longer to compile than to run. */
const MAX_PAIRS = 64;
const MILLISECONDS = 250;

/**
 * FLOP/s of the products that represent a step: [rows, width] · [width, columns] and back, one after the other.
 * Training does other work too, so it is slower.
 *
 * @throws {Error} when this machine lacks the device or library.
 */
export async function measureProducts(compute: ComputeForecast): Promise<number> {
  const { width, columns } = compute.product;
  const rows = Math.min(MAX_ROWS, compute.product.rows);
  const pairs = Math.min(MAX_PAIRS, Math.ceil(FLOPS_PER_RUN / (4 * rows * width * columns)));
  const graph = new Graph();
  const x = graph.input("x", "float32", [rows, width]);
  const weight = graph.input("weight", "float32", [width, columns]);
  let y = x;
  for (let i = 0; i < pairs; i++) y = gemm(gemm(y, weight), weight, { trans_b: true });
  graph.output("row", gather(y, graph.constant(Int32Array.of(0), [1])));
  const seconds = await fastestRun(graph, compute, {
    x: { data: new Float32Array(rows * width).fill(0.5), shape: [rows, width] },
    // Small, so that a chain of products stays finite.
    weight: {
      data: new Float32Array(width * columns).map((_, i) => (i % 7 - 3) / width),
      shape: [width, columns],
    },
  });
  return pairs * 4 * rows * width * columns / seconds;
}

async function fastestRun(
  graph: Graph,
  { device, kernels, precision, threads }: ComputeForecast,
  inputs: Record<string, { data: Float32Array; shape: number[] }>,
): Promise<number> {
  type Options = SessionOptions & { device: Device; kernels: Kernels };
  const options = { device, kernels, precision, threads } as Options;
  const session = await compile(graph, options);
  const transfer = device === "cpu" ? undefined : new Transfer(options.device);
  const feeds: Record<string, Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    feeds[name] = transfer ? await transfer.upload({ data, dtype: "float32", shape }) : data;
  }
  let fastest = Infinity;
  // The first run allocates memory and is not counted.
  const end = performance.now() + MILLISECONDS;
  for (let run = 0; run < 2 || performance.now() < end; run++) {
    const start = performance.now();
    await session.run(feeds as never);
    if (run > 0) fastest = Math.min(fastest, (performance.now() - start) / 1000);
  }
  for (const feed of Object.values(feeds)) if ("release" in feed) feed.release();
  await transfer?.release();
  await session.release();
  return fastest;
}
