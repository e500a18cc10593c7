/**
 * The newest run as metrics for Prometheus. As in the rest of the API, a task is a step of the recipe.
 *
 * @module
 */
import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { Counter, Gauge, Registry } from "prom-client";
import { type RunState, timeLeft } from "../../runs/mod.ts";
import { runTimeLeft } from "../../runner/mod.ts";
import type { RequestStatistics } from "../requests.ts";
import { run_state_schema, task_state_schema } from "../schemas.ts";
import { answers, type Source, text } from "./shared.ts";
import { describeProcess } from "./system.ts";

/** Metrics of stages that have a Prometheus metric of their own. */
const REPORTED: Readonly<Record<string, string>> = {
  loss: "Training loss, as last reported",
  learning_rate: "Learning rate, as last reported",
  tokens_per_second: "Training speed, as last reported",
};

/** The trainer reports `validation_loss/SOURCE`. */
const VALIDATION = "validation_loss/";

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  summary: "The newest run, this server and its process, for Prometheus",
  responses: answers("Prometheus text format", { "text/plain": text }, []),
});

/** Adds /metrics. */
export function addPrometheus(
  app: OpenAPIHono,
  { runs, now }: Source,
  requests: RequestStatistics,
): void {
  app.openapi(metrics, async (c) => {
    const [newest] = runs.ids();
    // A log that cannot be read must not hide the metrics of the server.
    const state = newest === undefined ? undefined : await runs.get(newest).catch(() => undefined);
    const registry = registryOf(state, now(), requests);
    // The library writes "Nan", which the format does not have. Values end a line, and labels have no line breaks.
    const body = (await registry.metrics()).replaceAll(/ Nan$/gm, " NaN");
    return c.text(body, 200, { "Content-Type": registry.contentType });
  });
}

/** A new registry for each answer, so that nothing remains of an earlier run. */
function registryOf(state: RunState | undefined, now: number, requests: RequestStatistics) {
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => {
    return new Gauge({ name: `causeway_${name}`, help, labelNames, registers: [registry] });
  };
  if (state) {
    describeRun(state, now, gauge);
    describeTasks(state, now, gauge);
  }
  requests.register(registry);
  describeThis(registry, now);
  return registry;
}

type MakeGauge = <L extends string>(name: string, help: string, ...labels: L[]) => Gauge<L>;

function describeRun(state: RunState, now: number, gauge: MakeGauge): void {
  const run = { run: state.id, recipe: state.recipe };
  const states = gauge("run_state", "1 for the state of the newest run", "run", "recipe", "state");
  for (const name of run_state_schema.options) {
    states.set({ ...run, state: name }, Number(state.state === name));
  }
  gauge("run_paused", "1 while the run is paused", "run", "recipe")
    .set(run, Number(state.paused));
  gauge("run_started_seconds", "Unix time at which the run started", "run", "recipe")
    .set(run, state.started_at / 1000);
  const left = gauge("run_time_left_seconds", "Estimate; absent if unknown", "run", "recipe");
  const seconds = runTimeLeft(state, now);
  if (seconds !== undefined) left.set(run, seconds);
}

function describeTasks(state: RunState, now: number, gauge: MakeGauge): void {
  const states = gauge("task_state", "1 for the state of a task", "run", "task", "stage", "state");
  const step = gauge("task_step", "Optimizer steps done, or other progress", "run", "task");
  const total = gauge("task_total_steps", "Optimizer steps in all", "run", "task");
  const left = gauge("task_time_left_seconds", "Estimate of running tasks", "run", "task");
  const validation = gauge("task_validation_loss", "Newest, by source", "run", "task", "source");
  const other = gauge("task_metric", "Other reported metrics", "run", "task", "metric");
  const reported = new Map(
    Object.entries(REPORTED).map(([name, help]) => {
      return [name, gauge(`task_${name}`, help, "run", "task")];
    }),
  );
  for (const task of state.steps) {
    const labels = { run: state.id, task: task.id };
    for (const name of task_state_schema.options) {
      states.set({ ...labels, stage: task.stage, state: name }, Number(task.state === name));
    }
    if (task.done !== undefined) step.set(labels, task.done);
    if (task.total !== undefined) total.set(labels, task.total);
    const seconds = timeLeft(task, now);
    if (seconds !== undefined) left.set(labels, seconds);
    for (const [name, value] of Object.entries(task.metrics)) {
      const number = value ?? NaN; // reported, but not finite
      const own = reported.get(name);
      if (own) own.set(labels, number);
      else if (name.startsWith(VALIDATION)) {
        validation.set({ ...labels, source: name.slice(VALIDATION.length) }, number);
      } else other.set({ ...labels, metric: name }, number);
    }
  }
}

/** This process, under the names that Prometheus' client libraries use. */
function describeThis(registry: Registry, now: number): void {
  const { rss_bytes, cpu_seconds, uptime_s } = describeProcess();
  const gauge = (name: string, help: string, value: number) => {
    new Gauge({ name, help, registers: [registry] }).set(value);
  };
  gauge("process_resident_memory_bytes", "Memory of this process, all threads", rss_bytes);
  gauge("process_start_time_seconds", "Unix time at which it started", now / 1000 - uptime_s);
  const cpu = { name: "process_cpu_seconds_total", help: "Processor time, all threads" };
  new Counter({ ...cpu, registers: [registry] }).inc(cpu_seconds);
}
