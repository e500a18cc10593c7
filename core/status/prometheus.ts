/**
 * The newest run as metrics for Prometheus.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { Counter, Gauge, Registry } from "prom-client";
import { type RunSource, type RunState, type StepState, timeLeft } from "../runs/mod.ts";
import { runTimeLeft } from "../runner/mod.ts";
import type { RequestStatistics } from "./request_statistics.ts";
import { serverOf } from "./server_state.ts";
import { describeProcess } from "./system.ts";

interface PrometheusOptions {
  readonly runs: RunSource;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

const RUN_STATES: readonly RunState["state"][] = [
  "running",
  "finished",
  "failed",
  "interrupted",
  "lost",
];
const STEP_STATES: readonly StepState["state"][] = [
  "waiting",
  "running",
  "finished",
  "skipped",
  "failed",
];

/** Metrics that stages report, under names of their own. */
const REPORTED: Readonly<Record<string, string>> = {
  loss: "Training loss, as last reported",
  learning_rate: "Learning rate, as last reported",
  tokens_per_second: "Training speed, as last reported",
};

/** As the trainer reports it: `validation_loss/SOURCE`. */
const VALIDATION = "validation_loss/";

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  summary: "The newest run, this server and its process, for Prometheus",
  responses: {
    200: {
      description: "Prometheus text format",
      content: { "text/plain": { schema: z.string() } },
    },
  },
});

/** Adds /metrics. */
export function addPrometheus(
  app: OpenAPIHono,
  { runs, now = Date.now }: PrometheusOptions,
): void {
  app.openapi(metrics, async (c) => {
    const [newest] = runs.ids();
    // A log that cannot be read keeps nobody from seeing how the server does.
    const state = newest === undefined ? undefined : await runs.get(newest).catch(() => undefined);
    const registry = registryOf(state, now(), serverOf(c).requests);
    // The library writes "Nan", which the format does not know. Values end a line, and labels hold no line breaks.
    const text = (await registry.metrics()).replaceAll(/ Nan$/gm, " NaN");
    return c.text(text, 200, { "Content-Type": registry.contentType });
  });
}

/** Made anew for each answer, so that nothing is left of a run that is not the newest any more. */
function registryOf(state: RunState | undefined, now: number, requests: RequestStatistics) {
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => {
    return new Gauge({ name: `causeway_${name}`, help, labelNames, registers: [registry] });
  };
  if (state) {
    describeRun(state, now, gauge);
    describeSteps(state, now, gauge);
  }
  requests.register(registry);
  describeThis(registry, now);
  return registry;
}

type MakeGauge = <L extends string>(name: string, help: string, ...labels: L[]) => Gauge<L>;

function describeRun(state: RunState, now: number, gauge: MakeGauge): void {
  const run = { run: state.id, recipe: state.recipe };
  const states = gauge("run_state", "1 for the state of the newest run", "run", "recipe", "state");
  for (const name of RUN_STATES) states.set({ ...run, state: name }, Number(state.state === name));
  gauge("run_paused", "1 while the run stands still", "run", "recipe")
    .set(run, Number(state.paused));
  gauge("run_started_seconds", "Unix time at which the run began", "run", "recipe")
    .set(run, state.started_at / 1000);
  const left = gauge("run_time_left_seconds", "Estimate; absent where unknown", "run", "recipe");
  const seconds = runTimeLeft(state, now);
  if (seconds !== undefined) left.set(run, seconds);
}

function describeSteps(state: RunState, now: number, gauge: MakeGauge): void {
  const states = gauge("step_state", "1 for the state of a step", "run", "step", "stage", "state");
  const progress = gauge("step_progress", "Steps done, as the stage counts them", "run", "step");
  const total = gauge("step_total", "Steps to be done in all", "run", "step");
  const left = gauge("step_time_left_seconds", "Estimate of running steps", "run", "step");
  const validation = gauge("step_validation_loss", "Newest by source", "run", "step", "source");
  const other = gauge("step_metric", "Other metrics that a stage reports", "run", "step", "metric");
  const reported = new Map(
    Object.entries(REPORTED).map((
      [name, help],
    ) => [name, gauge(`step_${name}`, help, "run", "step")]),
  );
  for (const step of state.steps) {
    const labels = { run: state.id, step: step.id };
    for (const name of STEP_STATES) {
      states.set({ ...labels, stage: step.stage, state: name }, Number(step.state === name));
    }
    if (step.done !== undefined) progress.set(labels, step.done);
    if (step.total !== undefined) total.set(labels, step.total);
    const seconds = timeLeft(step, now);
    if (seconds !== undefined) left.set(labels, seconds);
    for (const [name, value] of Object.entries(step.metrics)) {
      const number = value ?? NaN; // reported, and not finite
      const own = reported.get(name);
      if (own) own.set(labels, number);
      else if (name.startsWith(VALIDATION)) {
        validation.set({ ...labels, source: name.slice(VALIDATION.length) }, number);
      } else other.set({ ...labels, metric: name }, number);
    }
  }
}

/** Under the names that Prometheus' client libraries use. */
function describeThis(registry: Registry, now: number): void {
  const { rss_bytes, cpu_seconds, uptime_s } = describeProcess();
  const gauge = (name: string, help: string, value: number) => {
    new Gauge({ name, help, registers: [registry] }).set(value);
  };
  gauge("process_resident_memory_bytes", "Memory of this process, all threads", rss_bytes);
  gauge("process_start_time_seconds", "Unix time at which it began", now / 1000 - uptime_s);
  const cpu = { name: "process_cpu_seconds_total", help: "Processor time, all threads" };
  new Counter({ ...cpu, registers: [registry] }).inc(cpu_seconds);
}
