/**
 * The route of reported metrics: `GET /runs/{run}/metrics`.
 *
 * @module
 */
import { csvLine } from "../../arrow/mod.ts";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { encodeTable, toStream } from "../../arrow/mod.ts";
import type { Series } from "../../runs/mod.ts";
import { metrics_schema, run_params } from "../schemas.ts";
import {
  answers,
  ARROW_STREAM,
  assertTask,
  binary,
  chooseType,
  CSV,
  findIndex,
  findRun,
  JSON_TYPE,
  list_query_schema,
  live,
  number_query_schema,
  refuseOldQuery,
  type Source,
  text,
  wholeQuery,
} from "./shared.ts";

/** Points of a series by default, and at most. */
const POINTS = 1000;
const MAX_POINTS = 100_000;

const metrics = createRoute({
  method: "get",
  path: "/runs/{run}/metrics",
  summary: "Reported metrics, one series for each task and metric",
  description: "Series of more than `points` points are down-sampled so that their shape, ends " +
    "and extremes are kept (largest triangle three buckets).",
  middleware: live,
  request: {
    params: run_params,
    query: z.object({
      task: list_query_schema.optional().openapi({ description: "only these tasks" }),
      name: list_query_schema.optional().openapi({ description: "only these metrics" }),
      from: number_query_schema.optional().openapi({ description: "first step" }),
      to: number_query_schema.optional().openapi({ description: "last step" }),
      points: wholeQuery(0, MAX_POINTS).optional().openapi({
        description: `maximum number of points per series, 0 for all; ${POINTS} by default`,
      }),
    }),
  },
  responses: answers(
    "Series. CSV: task,name,step,time,value. Arrow: the same columns, two utf8 and three float64; " +
      "a value that is not finite is empty or null",
    { [JSON_TYPE]: metrics_schema, [CSV]: text, [ARROW_STREAM]: binary },
    [304, 400, 404, 406],
  ),
});

/** Adds /runs/{run}/metrics. */
export function addMetrics(app: OpenAPIHono, source: Source): void {
  app.openapi(metrics, async (c) => {
    refuseOldQuery(c, "step", "task");
    const { task: tasks, name: names, from, to, points = POINTS } = c.req.valid("query");
    const state = await findRun(source, c.req.valid("param").run);
    for (const task of tasks ?? []) assertTask(state, task);
    const type = chooseType(c, [JSON_TYPE, CSV, ARROW_STREAM]);
    const { series } = await findIndex(source, state.id);
    const body = await encode(type, state.id, series.select({ tasks, names, from, to }), points);
    return c.body(body, 200, { "Content-Type": type === CSV ? `${CSV}; charset=utf-8` : type });
  });
}

type Body = string | Uint8Array<ArrayBuffer>;

/** A long answer is encoded for this many milliseconds at a time, between which other requests are answered. */
const TURN_MS = 10;

async function encode(
  type: keyof typeof ENCODERS,
  run: string,
  series: readonly Series[],
  points: number,
): Promise<Body> {
  const { one, all } = ENCODERS[type];
  const parts: unknown[] = [];
  let since = performance.now();
  for (const each of series) {
    parts.push(one(thin(each, points)));
    if (performance.now() - since < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  }
  return all(parts as never, run);
}

interface ThinSeries extends Series {
  readonly total_points: number;
}

function thin({ task, name, steps, times, values }: Series, points: number): ThinSeries {
  const chosen = downsample(steps, values, points);
  const take = (column: Float64Array) => Float64Array.from(chosen, (i) => column[i]);
  const total_points = steps.length;
  return { task, name, total_points, steps: take(steps), times: take(times), values: take(values) };
}

/** How one series is encoded, and how the answer is assembled. */
const ENCODERS = {
  [JSON_TYPE]: {
    one: ({ steps, times, values, ...rest }: ThinSeries): string => {
      // JSON has no NaN: JSON.stringify writes null.
      return JSON.stringify({ ...rest, steps: [...steps], times: [...times], values: [...values] });
    },
    all: (parts: readonly string[], run: string): Body => {
      return `{"run":${JSON.stringify(run)},"series":[${parts.join(",")}]}`;
    },
  },
  [CSV]: {
    one: ({ task, name, steps, times, values }: ThinSeries): string => {
      const lines = Array.from(
        steps,
        (step, i) => csvLine([task, name, step, times[i], values[i]]),
      );
      return lines.join("");
    },
    all: (parts: readonly string[]): Body => {
      return csvLine(["task", "name", "step", "time", "value"]) + parts.join("");
    },
  },
  [ARROW_STREAM]: { one: (series: ThinSeries) => series, all: arrowOf },
};

function arrowOf(series: readonly ThinSeries[]): Body {
  const texts = (of: (one: ThinSeries) => string) => {
    return series.flatMap((one) => Array<string>(one.steps.length).fill(of(one)));
  };
  const numbers = (of: (one: ThinSeries) => Float64Array) => {
    return Float64Array.from(series.flatMap((one) => [...of(one)]));
  };
  const columns = {
    task: "utf8",
    name: "utf8",
    step: "float64",
    time: "float64",
    value: "nullable<float64>",
  } as const;
  const batch = {
    task: texts(({ task }) => task),
    name: texts(({ name }) => name),
    step: numbers(({ steps }) => steps),
    time: numbers(({ times }) => times),
    value: Array.from(numbers(({ values }) => values), (one) => Number.isNaN(one) ? null : one),
  };
  return toStream(encodeTable(columns, batch));
}

/**
 * Chooses points by largest triangle three buckets (Steinarsson, "Downsampling Time Series for Visual Representation",
 * 2013): besides the first and the last point, one point of each bucket, the one that forms the largest triangle with
 * the point chosen before it and the mean of the next bucket. The minimum and the maximum are always chosen, so that no
 * spike is lost. NaN is chosen only in a bucket without other values: a gap stays a gap.
 *
 * @param xs ascending.
 * @param limit most points; 0 for all.
 * @returns indices, ascending.
 */
export function downsample(xs: Float64Array, ys: Float64Array, limit: number): Uint32Array {
  const length = xs.length;
  if (limit === 0 || length <= limit) return Uint32Array.from({ length }, (_, i) => i);
  if (limit < 3) return Uint32Array.from(limit === 1 ? [length - 1] : [0, length - 1]);
  const chosen = new Set(extremes(ys).slice(0, limit - 2));
  const triangles = largestTriangles(xs, ys, limit - chosen.size);
  for (const i of triangles) chosen.add(i);
  return Uint32Array.from(chosen).sort();
}

function extremes(ys: Float64Array): number[] {
  let [least, greatest] = [-1, -1];
  for (let i = 0; i < ys.length; i++) {
    if (least < 0 ? !Number.isNaN(ys[i]) : ys[i] < ys[least]) least = i;
    if (greatest < 0 ? !Number.isNaN(ys[i]) : ys[i] > ys[greatest]) greatest = i;
  }
  return least < 0 ? [] : [greatest, least];
}

function largestTriangles(xs: Float64Array, ys: Float64Array, limit: number): Uint32Array {
  const chosen = new Uint32Array(limit);
  const last = xs.length - 1;
  const buckets = limit - 2;
  // Bucket b has the points from start(b) to start(b + 1), the last point being a bucket of its own.
  const start = (b: number) => b < buckets ? 1 + Math.floor(b * (last - 1) / buckets) : last;
  let [before_x, before_y] = [xs[0], ys[0]];
  for (let b = 0; b < buckets; b++) {
    const [from, to] = [start(b), start(b + 1)];
    const next = meanPoint(xs, ys, to, b + 1 < buckets ? start(b + 2) : last + 1);
    let [best, best_area] = [from, -1];
    for (let i = from; i < to; i++) {
      // Twice the area of the triangle (before, i, next); NaN is never greater.
      const area = Math.abs(
        (before_x - next.x) * (ys[i] - before_y) - (before_x - xs[i]) * (next.y - before_y),
      );
      if (area > best_area) [best, best_area] = [i, area];
      else if (Number.isNaN(ys[best]) && !Number.isNaN(ys[i])) best = i;
    }
    chosen[b + 1] = best;
    if (!Number.isNaN(ys[best])) [before_x, before_y] = [xs[best], ys[best]];
  }
  chosen[limit - 1] = last;
  return chosen;
}

/** The mean of the points that are not NaN; NaN if there are none. */
function meanPoint(xs: Float64Array, ys: Float64Array, from: number, to: number) {
  let [x, y, count] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    if (Number.isNaN(ys[i])) continue;
    x += xs[i];
    y += ys[i];
    count++;
  }
  return { x: x / count, y: y / count };
}
