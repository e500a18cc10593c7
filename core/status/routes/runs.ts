/**
 * Routes of runs: which there are, what they do, what they are made of.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { RunState } from "../../runs/mod.ts";
import type { StageInfo } from "../../runner/mod.ts";
import { liveReply } from "../reply.ts";
import { Health, Plan, RunDetail, runParam, Runs, Stages, Status } from "../schemas.ts";
import { responses, wholeQuery } from "./route_parts.ts";
import { describeDetail, describePlan, describeRun, describeStatus } from "./describe.ts";
import { type Answer, AnswerCache, findRun, type Source } from "./source.ts";

const STATES = ["running", "finished", "failed", "interrupted", "lost"] as const;

const health = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the server is up",
  security: [],
  responses: responses("It is", { "application/json": Health }, []),
});

const status = createRoute({
  method: "get",
  path: "/status",
  summary: "The newest run: stage, step, loss, tokens/s, time left",
  responses: responses("The newest run", { "application/json": Status }),
});

const list = createRoute({
  method: "get",
  path: "/runs",
  summary: "All runs, newest first",
  request: {
    query: z.object({
      recipe: z.string().optional().openapi({ description: "only runs of this recipe" }),
      state: z.enum(STATES, `is not one of ${STATES.join(", ")}`).optional(),
      limit: wholeQuery(0, 1_000_000).optional().openapi({ description: "at most so many" }),
    }),
  },
  responses: responses("Runs", { "application/json": Runs }, [304, 400]),
});

const detail = createRoute({
  method: "get",
  path: "/runs/{run}",
  summary: "A run with its steps",
  request: { params: runParam },
  responses: responses("The run", { "application/json": RunDetail }),
});

const plan = createRoute({
  method: "get",
  path: "/runs/{run}/plan",
  summary: "The steps of a run as a graph",
  request: { params: runParam },
  responses: responses("Nodes and edges", { "application/json": Plan }),
});

const run_stages = createRoute({
  method: "get",
  path: "/runs/{run}/stages",
  summary: "The stages of a run's steps",
  request: { params: runParam },
  responses: responses("Stages; none in logs of old", { "application/json": Stages }),
});

const stages = createRoute({
  method: "get",
  path: "/stages",
  summary: "The stages of all runs, of the newest first, one of each name and version",
  responses: responses("Stages", { "application/json": Stages }, [304]),
});

/** Adds /healthz, /status, /runs, /runs/{run}, /runs/{run}/plan, /runs/{run}/stages and /stages. */
export function addRuns(app: OpenAPIHono, source: Source): void {
  const { now } = source;
  const cache = new AnswerCache();
  /** Sends what depends on these states, and on the time by the second. */
  const reply = (c: Context, key: string, states: readonly unknown[], make: () => unknown) => {
    return send(c, cache.get(key, [...states, Math.floor(now() / 1000)], make));
  };
  app.openapi(health, (c) => c.json({ status: "ok" as const }, 200));
  app.openapi(status, async (c) => {
    const state = await findRun(source, "latest");
    return reply(c, "status", [state], () => describeStatus(state, now()));
  });
  app.openapi(list, async (c) => {
    const { recipe, state, limit = Infinity } = c.req.valid("query");
    const matches = (run: RunState) => {
      return (recipe ?? run.recipe) === run.recipe && (state ?? run.state) === run.state;
    };
    const states = limit === 0 ? [] : await readStates(source, matches, limit);
    const key = JSON.stringify(["runs", recipe, state, limit]);
    return reply(c, key, states, () => ({ runs: states.map((run) => describeRun(run, now())) }));
  });
  app.openapi(detail, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    return reply(c, `run ${state.id}`, [state], () => describeDetail(state, now()));
  });
  app.openapi(plan, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    return reply(c, `plan ${state.id}`, [state], () => describePlan(state, now()));
  });
  app.openapi(run_stages, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    return send(
      c,
      cache.get(`stages ${state.id}`, [state.stages], () => ({ stages: state.stages })),
    );
  });
  app.openapi(stages, async (c) => {
    const states = await readStates(source);
    return send(c, cache.get("stages", states, () => ({ stages: distinctStages(states) })));
  });
}

function send(c: Context, { body, etag }: Answer): Response {
  return liveReply(c, body, "application/json", etag);
}

/** One stage of each name and version. */
function distinctStages(states: readonly RunState[]): StageInfo[] {
  const found = new Map<string, StageInfo>();
  for (const stage of states.flatMap((state) => state.stages)) {
    const key = `${stage.name} ${stage.version}`;
    if (!found.has(key)) found.set(key, stage);
  }
  return [...found.values()];
}

/** States of runs, newest first. One that cannot be read does not keep the others from being told. */
async function readStates(
  { runs }: Source,
  matches: (state: RunState) => boolean = () => true,
  limit = Infinity,
): Promise<RunState[]> {
  const states: RunState[] = [];
  for (const id of runs.ids()) {
    const state = await runs.get(id).catch(() => undefined);
    if (state && matches(state)) states.push(state);
    if (states.length >= limit) break;
  }
  return states;
}
