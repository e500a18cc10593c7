/**
 * The route of reported metrics.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { encodeTable, toStream } from "../../arrow/mod.ts";
import type { Series } from "../../runs/mod.ts";
import { chooseType, isFresh, liveReply, weakTag } from "../reply.ts";
import { Metrics, runParam } from "../schemas.ts";
import { binary, listQuery, numberQuery, responses, text, wholeQuery } from "./route_parts.ts";
import { csvLine } from "./csv.ts";
import { downsample } from "./downsample.ts";
import { assertStep, findIndex, findRun, type Source } from "./source.ts";

const JSON_TYPE = "application/json";
const CSV = "text/csv";
const ARROW_STREAM = "application/vnd.apache.arrow.stream";

/** Points of a series by default, and at most. */
const POINTS = 1000;
const MAX_POINTS = 100_000;
/** Answers that are kept until the run reports again. */
const MAX_ANSWERS = 32;

const metrics = createRoute({
  method: "get",
  path: "/runs/{run}/metrics",
  summary: "Reported metrics, one series for each step and metric",
  description: "Series of more than `points` points are down-sampled so that their shape, their " +
    "ends and their extremes stay (largest triangle three buckets).",
  request: {
    params: runParam,
    query: z.object({
      task: listQuery.optional().openapi({ description: "only these tasks" }),
      name: listQuery.optional().openapi({ description: "only these metrics" }),
      from: numberQuery.optional().openapi({ description: "least progress" }),
      to: numberQuery.optional().openapi({ description: "greatest progress" }),
      points: wholeQuery(0, MAX_POINTS).optional().openapi({
        description: `points of a series at most, 0 for all; ${POINTS} by default`,
      }),
    }),
  },
  responses: responses(
    "Series. CSV: task,name,step,time,value. Arrow: the same columns, float64 but for two texts",
    { [JSON_TYPE]: Metrics, [CSV]: text, [ARROW_STREAM]: binary },
    [304, 400, 404, 406],
  ),
});

/** Adds /runs/{run}/metrics. */
export function addMetrics(app: OpenAPIHono, source: Source): void {
  const answers = new Map<string, { etag: string; body: Promise<Body> }>();
  app.openapi(metrics, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    const { task: steps, name: names, from, to, points = POINTS } = c.req.valid("query");
    for (const step of steps ?? []) assertStep(state, step);
    const type = chooseType(c, [JSON_TYPE, CSV, ARROW_STREAM]);
    const { series } = await findIndex(source, state.id);
    // Equal counts of points are equal points, for a log only grows.
    const key = JSON.stringify([state.id, type, steps, names, from, to, points]);
    const etag = weakTag(`${series.points} ${key}`);
    if (isFresh(c, etag)) return liveReply(c, "", type, etag);
    let answer = answers.get(key);
    if (answer?.etag !== etag) {
      const body = encode(type, state.id, series.select({ tasks: steps, names, from, to }), points);
      answer = { etag, body };
      body.catch(() => answers.delete(key));
      answers.delete(key);
      answers.set(key, answer);
      if (answers.size > MAX_ANSWERS) answers.delete(answers.keys().next().value!);
    }
    return liveReply(c, await answer.body, type, etag);
  });
}

type Body = string | Uint8Array<ArrayBuffer>;

/** A long answer is made in parts of so many milliseconds, between which others are given. */
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
  return {
    task,
    name,
    total_points: steps.length,
    steps: take(steps),
    times: take(times),
    values: take(values),
  };
}

/** How one series is encoded, and how the answer is put together. */
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
      const lines = Array.from(steps, (step, i) => {
        return csvLine([task, name, step, times[i], values[i]]);
      });
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
    value: "float64",
  } as const;
  return toStream(encodeTable(columns, {
    task: texts(({ task }) => task),
    name: texts(({ name }) => name),
    step: numbers(({ steps }) => steps),
    time: numbers(({ times }) => times),
    value: numbers(({ values }) => values),
  }));
}
