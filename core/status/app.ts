/**
 * The status endpoint: what a run is doing, as JSON. It reads event logs only.
 *
 * @module
 */
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import {
  runningSteps,
  type RunSource,
  type RunState,
  runTimeLeft,
  type StepState,
  timeLeft,
} from "../runner/mod.ts";

/** Host names under which a browser on this machine may ask. */
const HOSTS = ["127.0.0.1", "localhost"];

/**
 * Makes the app.
 *
 *     GET /healthz            is the server up
 *     GET /status             the live or newest run: stage, step, loss, tokens/s, time left of the step that began
 *                             first; all that run, and the time left of the run
 *     GET /runs               all runs, newest first
 *     GET /runs/:id           one run with its steps
 *     GET /runs/:id/metrics   reported points; ?step=ID &name=loss &from=STEP &to=STEP
 *
 * Errors are `application/problem+json` (RFC 9457).
 *
 * @param runs where the answers come from.
 * @param now Unix milliseconds, for the time left.
 */
export function statusApp(runs: RunSource, now: () => number = Date.now): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    // A page elsewhere can point its own host name at 127.0.0.1 (DNS rebinding); it cannot fake this header.
    const host = (c.req.header("host") ?? "").replace(/:\d+$/, "");
    if (!HOSTS.includes(host)) throw problem(403, `host "${host}" is not served`);
    await next();
    c.header("Cache-Control", "no-store");
  });
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/status", async (c) => {
    const [newest] = runs.ids();
    if (newest === undefined) throw problem(404, "there are no runs yet");
    return c.json(describeStatus(await find(runs, newest), now()));
  });
  app.get("/runs", async (c) => {
    const states = await Promise.all(runs.ids().map((id) => runs.get(id)));
    return c.json({ runs: states.filter((state) => state !== undefined).map(describeRun) });
  });
  app.get("/runs/:id", async (c) => {
    const state = await find(runs, c.req.param("id"));
    const steps = state.steps.map((step) => describeStep(step, now()));
    return c.json({ ...describeRun(state), steps });
  });
  app.get("/runs/:id/metrics", async (c) => {
    const state = await find(runs, c.req.param("id"));
    const step_id = c.req.query("step");
    if (step_id !== undefined && !state.steps.some((step) => step.id === step_id)) {
      const known = state.steps.map((step) => step.id).join(", ");
      throw problem(404, `run ${state.id} has no step "${step_id}"; its steps: ${known}`);
    }
    const [from, to] = ["from", "to"].map((name) => numberQuery(name, c.req.query(name)));
    const name = c.req.query("name");
    return c.json({
      run: state.id,
      points: await runs.metrics(state.id, { step_id, name, from, to }),
    });
  });
  app.notFound((c) => answer(problem(404, `there is nothing at ${c.req.path}`), c.req.path));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return answer(error, c.req.path);
    return answer(problem(500, error.message), c.req.path);
  });
  return app;
}

async function find(runs: RunSource, id: string): Promise<RunState> {
  const state = await runs.get(id);
  if (!state) throw problem(404, `there is no run "${id}"; GET /runs lists them`);
  return state;
}

function numberQuery(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw problem(400, `query parameter ${name}="${value}" is not a number`);
}

function describeStatus(state: RunState, now: number) {
  const all = runningSteps(state);
  const running: StepState | undefined = all[0];
  const done = state.steps.filter(({ state }) => state === "finished" || state === "skipped");
  return {
    ...describeRun(state),
    stage: running?.stage ?? null,
    step_id: running?.id ?? null,
    step: running?.done ?? null,
    total_steps: running?.total ?? null,
    loss: running?.metrics.loss ?? null,
    tokens_per_second: running?.metrics.tokens_per_second ?? null,
    time_left_s: running ? timeLeft(running, now) ?? null : null,
    finished_stages: done.length,
    total_stages: state.steps.length,
    run_time_left_s: runTimeLeft(state, now) ?? null,
    running: all.map((step) => describeStep(step, now)),
  };
}

function describeRun(state: RunState) {
  return {
    run: state.id,
    recipe: state.recipe,
    state: state.state,
    started_at: iso(state.started_at),
    ended_at: iso(state.ended_at),
    message: state.message ?? null,
    published: state.published,
  };
}

function describeStep(step: StepState, now: number) {
  return {
    step_id: step.id,
    stage: step.stage,
    state: step.state,
    reasons: step.reasons,
    started_at: iso(step.started_at),
    ended_at: iso(step.ended_at),
    step: step.done ?? null,
    total_steps: step.total ?? null,
    metrics: step.metrics,
    time_left_s: timeLeft(step, now) ?? null,
    outputs: step.outputs ?? {},
  };
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

type ProblemStatus = 400 | 403 | 404 | 500;
const TITLES: Record<ProblemStatus, string> = {
  400: "Bad request",
  403: "Forbidden",
  404: "Not found",
  500: "Internal error",
};

function problem(status: ProblemStatus, detail: string): HTTPException {
  return new HTTPException(status, { message: detail });
}

function answer(error: HTTPException, instance: string): Response {
  const { status, message: detail } = error;
  const title = TITLES[status as ProblemStatus] ?? "Error";
  const body = JSON.stringify({ type: "about:blank", title, status, detail, instance });
  return new Response(body, { status, headers: { "content-type": "application/problem+json" } });
}
