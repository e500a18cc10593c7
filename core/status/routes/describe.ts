/**
 * States of runs and steps in the words of the API.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import { runClock, runningSteps, type RunState, type StepState, timeLeft } from "../../runs/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import type { Plan, PlanEdge, PlanNode, Run, RunDetail, Status, Step } from "../schemas.ts";

export function describeRun(state: RunState, now: number): z.infer<typeof Run> {
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

export function describeStatus(state: RunState, at: number): z.infer<typeof Status> {
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
    running: all.map((step) => describeStep(step, now)),
  };
}

export function describeDetail(state: RunState, at: number): z.infer<typeof RunDetail> {
  const now = runClock(state, at);
  const steps = state.steps.map((step) => describeStep(step, now));
  return { ...describeRun(state, now), steps };
}

function describeStep(step: StepState, now: number): z.infer<typeof Step> {
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
    inputs: info ? { ...info.inputs } as z.infer<typeof Step>["inputs"] : null,
    after: [...edgesTo(step).keys()],
    past_seconds: step.past_seconds ?? null,
    job: step.job
      ? { ...step.job, detail: step.job.detail ?? null, node: step.job.node ?? null }
      : null,
    cores: task?.cores ?? null,
    memory_bytes: task?.memory ?? null,
  };
}

function describeNode(step: StepState, now: number): z.infer<typeof PlanNode> {
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

export function describePlan(state: RunState, at: number): z.infer<typeof Plan> {
  const now = runClock(state, at);
  const edges: z.infer<typeof PlanEdge>[] = state.steps.flatMap((step) => {
    return [...edgesTo(step)].map(([from, inputs]) => ({ from, to: step.id, inputs }));
  });
  return { run: state.id, nodes: state.steps.map((step) => describeNode(step, now)), edges };
}

/** The steps that a step waits for, each with the inputs that read it, which logs of old do not tell. */
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

/** ISO 8601, null where unknown. */
export function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
