/**
 * Routes of runs: which there are, their state, plan and stages.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  runClock,
  runningSteps,
  type RunState,
  type StageInfo,
  type StepState,
  timeLeft,
} from "../../runs/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import {
  health_schema,
  type plan_edge_schema,
  type plan_node_schema,
  plan_schema,
  run_detail_schema,
  run_params,
  type run_schema,
  run_state_schema,
  runs_schema,
  stages_schema,
  status_schema,
  type task_schema,
} from "../schemas.ts";
import { answers, findRun, iso, JSON_TYPE, live, type Source, wholeQuery } from "./shared.ts";

const health = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the server is up",
  security: [],
  responses: answers("It is up", { [JSON_TYPE]: health_schema }, []),
});

const status = createRoute({
  method: "get",
  path: "/status",
  summary: "The newest run: task, step, loss, tokens per second, time left",
  middleware: live,
  responses: answers("The newest run", { [JSON_TYPE]: status_schema }),
});

const list = createRoute({
  method: "get",
  path: "/runs",
  summary: "All runs, newest first",
  middleware: live,
  request: {
    query: z.object({
      recipe: z.string().optional().openapi({ description: "only runs of this recipe" }),
      state: z.enum(
        run_state_schema.options,
        `is not one of ${run_state_schema.options.join(", ")}`,
      ).optional(),
      limit: wholeQuery(0, 1_000_000).optional().openapi({ description: "maximum number of runs" }),
    }),
  },
  responses: answers("Runs", { [JSON_TYPE]: runs_schema }, [304, 400]),
});

const ofRun = <P extends string>(path: P, summary: string, schema: z.ZodType) =>
  createRoute({
    method: "get",
    path,
    summary,
    middleware: live,
    request: { params: run_params },
    responses: answers(summary, { [JSON_TYPE]: schema }),
  });

const detail = ofRun("/runs/{run}", "A run with its tasks", run_detail_schema);
const plan = ofRun("/runs/{run}/plan", "The tasks of a run as a graph", plan_schema);
const run_stages = ofRun(
  "/runs/{run}/stages",
  "The stages of a run's tasks; none for old logs",
  stages_schema,
);

const stages = createRoute({
  method: "get",
  path: "/stages",
  summary: "The stages of all runs, newest run first, each name and version once",
  middleware: live,
  responses: answers("Stages", { [JSON_TYPE]: stages_schema }, [304]),
});

/** Adds /healthz, /status, /runs, /runs/{run}, /runs/{run}/plan, /runs/{run}/stages and /stages. */
export function addRuns(app: OpenAPIHono, source: Source): void {
  const { now } = source;
  app.openapi(health, (c) => c.json({ status: "ok" as const }, 200));
  app.openapi(status, async (c) => {
    return c.json(describeStatus(await findRun(source, "latest"), now()), 200);
  });
  app.openapi(list, async (c) => {
    const { recipe, state, limit = Infinity } = c.req.valid("query");
    const matches = (run: RunState) => {
      return (recipe ?? run.recipe) === run.recipe && (state ?? run.state) === run.state;
    };
    const states = limit === 0 ? [] : await readStates(source, matches, limit);
    return c.json({ runs: states.map((run) => describeRun(run, now())) }, 200);
  });
  app.openapi(detail, async (c) => {
    return c.json(describeDetail(await findRun(source, c.req.valid("param").run), now()), 200);
  });
  app.openapi(plan, async (c) => {
    return c.json(describePlan(await findRun(source, c.req.valid("param").run), now()), 200);
  });
  app.openapi(run_stages, async (c) => {
    const { stages } = await findRun(source, c.req.valid("param").run);
    return c.json({ stages: [...stages] }, 200);
  });
  app.openapi(stages, async (c) => {
    return c.json({ stages: distinctStages(await readStates(source)) }, 200);
  });
}

/** Each name and version once. */
function distinctStages(states: readonly RunState[]): StageInfo[] {
  const found = new Map<string, StageInfo>();
  for (const stage of states.flatMap((state) => state.stages)) {
    const key = `${stage.name} ${stage.version}`;
    if (!found.has(key)) found.set(key, stage);
  }
  return [...found.values()];
}

/** States of runs, newest first, without those that cannot be read. */
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

function describeRun(state: RunState, now: number): z.infer<typeof run_schema> {
  const done = state.steps.filter(({ state }) => state === "finished" || state === "skipped");
  return {
    run: state.id,
    recipe: state.recipe,
    description: state.description,
    state: state.state,
    paused: state.paused,
    started_at: iso(state.started_at),
    ended_at: iso(state.ended_at),
    message: state.message ?? null,
    published: [...state.published],
    finished_tasks: done.length,
    total_tasks: state.steps.length,
    run_time_left_s: runTimeLeft(state, now) ?? null,
  };
}

function describeStatus(state: RunState, at: number): z.infer<typeof status_schema> {
  const now = runClock(state, at);
  const all = runningSteps(state);
  const running: StepState | undefined = all[0];
  return {
    ...describeRun(state, now),
    stage: running?.stage ?? null,
    task: running?.id ?? null,
    step: running?.done ?? null,
    total_steps: running?.total ?? null,
    loss: running?.metrics.loss ?? null,
    tokens_per_second: running?.metrics.tokens_per_second ?? null,
    time_left_s: running ? timeLeft(running, now) ?? null : null,
    running: all.map((step) => describeTask(step, now)),
  };
}

function describeDetail(state: RunState, at: number): z.infer<typeof run_detail_schema> {
  const now = runClock(state, at);
  const tasks = state.steps.map((step) => describeTask(step, now));
  return { ...describeRun(state, now), tasks };
}

function describeTask(step: StepState, now: number): z.infer<typeof task_schema> {
  const { info, task } = step;
  return {
    ...describeNode(step, now),
    metrics: step.metrics,
    outputs: Object.fromEntries(
      Object.entries(step.outputs ?? {}).map(([name, { kind, digest, rows, bytes }]) => {
        return [name, { kind, digest, rows, bytes }];
      }),
    ),
    config: info?.config ?? null,
    seed: info?.seed ?? null,
    inputs: info ? { ...info.inputs } as z.infer<typeof task_schema>["inputs"] : null,
    after: [...edgesTo(step).keys()],
    past_seconds: step.past_seconds ?? null,
    job: step.job
      ? { ...step.job, detail: step.job.detail ?? null, node: step.job.node ?? null }
      : null,
    cores: task?.cores ?? null,
    memory_bytes: task?.memory ?? null,
  };
}

function describeNode(step: StepState, now: number): z.infer<typeof plan_node_schema> {
  return {
    task: step.id,
    stage: step.stage,
    state: step.state,
    reasons: [...step.reasons],
    started_at: iso(step.started_at),
    ended_at: iso(step.ended_at),
    step: step.done ?? null,
    total_steps: step.total ?? null,
    time_left_s: timeLeft(step, now) ?? null,
    past_seconds: step.past_seconds ?? null,
  };
}

function describePlan(state: RunState, at: number): z.infer<typeof plan_schema> {
  const now = runClock(state, at);
  const edges: z.infer<typeof plan_edge_schema>[] = state.steps.flatMap((step) => {
    return [...edgesTo(step)].map(([from, inputs]) => ({ from, to: step.id, inputs }));
  });
  return { run: state.id, nodes: state.steps.map((step) => describeNode(step, now)), edges };
}

/** The tasks that a task waits for, each with the inputs that read it (unknown in old logs). */
function edgesTo({ info, task }: StepState): Map<string, string[]> {
  const edges = new Map<string, string[]>((task?.after ?? []).map((id) => [id, []]));
  const note = (ref: string, input: string) => {
    const from = ref.slice(0, ref.lastIndexOf("."));
    edges.set(from, [...edges.get(from) ?? [], input]);
  };
  for (const [input, wired] of Object.entries(info?.inputs ?? {})) {
    if (typeof wired === "string") note(wired, input);
    else for (const [label, ref] of Object.entries(wired)) note(ref, `${input}.${label}`);
  }
  return edges;
}
