/**
 * Routes of log lines and samples.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { visibleLine } from "../../stage/mod.ts";
import { logs_schema, run_params, samples_schema } from "../schemas.ts";
import {
  answers,
  assertTask,
  chooseType,
  findIndex,
  findRun,
  iso,
  JSON_TYPE,
  live,
  refuseOldQuery,
  type Source,
  text,
  wholeQuery,
} from "./shared.ts";

const MAX_LINES = 10_000;
const LINES = 1000;

const query = z.object({
  task: z.string().optional().openapi({ description: "only this task" }),
  limit: wholeQuery(0, MAX_LINES).optional().openapi({
    description: `how many of the newest; ${LINES} by default`,
  }),
});

const logs = createRoute({
  method: "get",
  path: "/runs/{run}/logs",
  summary: "Log lines of tasks, and failures",
  middleware: live,
  request: { params: run_params, query },
  responses: answers(
    "Lines by time",
    { [JSON_TYPE]: logs_schema, "text/plain": text },
    [304, 400, 404, 406],
  ),
});

const samples = createRoute({
  method: "get",
  path: "/runs/{run}/samples",
  summary: "Texts that the model generated during training",
  middleware: live,
  request: { params: run_params, query },
  responses: answers("Samples by time", { [JSON_TYPE]: samples_schema }, [304, 400, 404]),
});

/** Adds /runs/{run}/logs and /runs/{run}/samples. */
export function addLogs(app: OpenAPIHono, source: Source): void {
  app.openapi(logs, async (c) => {
    refuseOldQuery(c, "step", "task");
    const type = chooseType(c, [JSON_TYPE, "text/plain"]);
    const { lines } = await newest(source, c.req.valid("param").run, c.req.valid("query"));
    const dated = lines.map((line) => ({ ...line, time: iso(line.time) }));
    if (type === JSON_TYPE) return c.json({ lines: dated }, 200);
    const plain = dated.map(({ time, task, message }) => {
      return `${time} ${task === null ? "" : `${task}: `}${visibleLine(message)}\n`;
    });
    return c.text(plain.join(""), 200);
  });
  app.openapi(samples, async (c) => {
    refuseOldQuery(c, "step", "task");
    const { samples } = await newest(source, c.req.valid("param").run, c.req.valid("query"));
    return c.json({ samples: samples.map((one) => ({ ...one, time: iso(one.time) })) }, 200);
  });
}

/** The newest lines and samples of a run, or of one task. */
async function newest(
  source: Source,
  run: string,
  { task, limit = LINES }: z.output<typeof query>,
) {
  const state = await findRun(source, run);
  if (task !== undefined) assertTask(state, task);
  const index = await findIndex(source, state.id);
  const last = <T extends { task: string | null }>(all: readonly T[]) => {
    const wanted = task === undefined ? all : all.filter((one) => one.task === task);
    return limit === 0 ? [] : wanted.slice(-limit);
  };
  return { lines: last(index.lines), samples: last(index.samples) };
}
