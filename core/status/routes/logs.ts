/**
 * Routes of what steps say: log lines and samples.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { chooseType, liveReply } from "../reply.ts";
import { Logs, runParam, Samples } from "../schemas.ts";
import { responses, text, wholeQuery } from "./route_parts.ts";
import { iso } from "./describe.ts";
import { assertStep, findIndex, findRun, type Source } from "./source.ts";

const MAX_LINES = 10_000;
const LINES = 1000;

const query = z.object({
  task: z.string().optional().openapi({ description: "only this task" }),
  limit: wholeQuery(0, MAX_LINES).optional().openapi({
    description: `so many of the newest; ${LINES} by default`,
  }),
});

const logs = createRoute({
  method: "get",
  path: "/runs/{run}/logs",
  summary: "What steps logged, and failures",
  request: { params: runParam, query },
  responses: responses(
    "Lines by time",
    { "application/json": Logs, "text/plain": text },
    [304, 400, 404, 406],
  ),
});

const samples = createRoute({
  method: "get",
  path: "/runs/{run}/samples",
  summary: "Texts that the model wrote while it was trained",
  request: { params: runParam, query },
  responses: responses("Samples by time", { "application/json": Samples }, [304, 400, 404]),
});

/** Adds /runs/{run}/logs and /runs/{run}/samples. */
export function addLogs(app: OpenAPIHono, source: Source): void {
  app.openapi(logs, async (c) => {
    const type = chooseType(c, ["application/json", "text/plain"]);
    const { lines } = await read(c.req.valid("param").run, c.req.valid("query"));
    const told = lines.map((line) => ({ ...line, time: iso(line.time) }));
    if (type === "application/json") return liveReply(c, JSON.stringify({ lines: told }));
    const plain = told.map(({ time, task, message }) => {
      return `${time} ${task === null ? "" : `${task}: `}${message}\n`;
    });
    return liveReply(c, plain.join(""), type);
  });
  app.openapi(samples, async (c) => {
    const { samples } = await read(c.req.valid("param").run, c.req.valid("query"));
    const told = samples.map(({ task, step, time, prompt, text }) => {
      return { task, step, time: iso(time), prompt, text };
    });
    return liveReply(c, JSON.stringify({ samples: told }));
  });

  async function read(run: string, { task: wanted, limit = LINES }: z.output<typeof query>) {
    const state = await findRun(source, run);
    if (wanted !== undefined) assertStep(state, wanted);
    const index = await findIndex(source, state.id);
    const newest = <T extends { task: string | null }>(all: readonly T[]) => {
      const of_step = wanted === undefined ? all : all.filter(({ task }) => task === wanted);
      return limit === 0 ? [] : of_step.slice(-limit);
    };
    return { lines: newest(index.lines), samples: newest(index.samples) };
  }
}
