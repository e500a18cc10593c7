/**
 * The shapes of the status API's answers; the OpenAPI document is generated from them.
 *
 * A step of the recipe is a "task" here; `step` and `total_steps` count optimizer steps, or whatever progress the
 * task's stage reports.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

const time = z.iso.datetime().nullable();
const seconds = z.number().nullable();
const count = z.int().min(0);
const metrics = z.record(z.string(), z.number().nullable());
export const run_state = z.enum(["running", "finished", "failed", "interrupted", "lost"]);
export const task_state = z.enum(["waiting", "running", "finished", "skipped", "failed"]);

export const Health = z.object({ status: z.literal("ok") }).openapi("Health");

export const Run = z.object({
  run: z.string(),
  recipe: z.string(),
  description: z.string(),
  state: run_state.openapi({ description: "lost: the process ended unexpectedly" }),
  paused: z.boolean(),
  started_at: time,
  ended_at: time,
  message: z.string().nullable(),
  published: z.array(z.string()).openapi({ description: "paths inside the output folder" }),
  finished_tasks: count.openapi({ description: "finished or skipped" }),
  total_tasks: count,
  run_time_left_s: seconds,
}).openapi("Run");

export const Output = z.object({
  kind: z.enum(["table", "files"]),
  digest: z.string(),
  rows: z.number(),
  bytes: z.number(),
}).openapi("Output");

const wired = z.union([z.string(), z.record(z.string(), z.string())]);

export const Task = z.object({
  task: z.string(),
  stage: z.string(),
  state: task_state,
  reasons: z.array(z.string()),
  started_at: time,
  ended_at: time,
  step: z.number().nullable().openapi({ description: "as last reported" }),
  total_steps: z.number().nullable(),
  metrics: metrics.openapi({ description: "the newest value of each" }),
  time_left_s: seconds,
  outputs: z.record(z.string(), Output),
  config: z.unknown().openapi({ description: "any JSON; null in old logs", type: undefined }),
  seed: z.number().nullable(),
  inputs: z.record(z.string(), wired).nullable().openapi({
    description: "what each input reads, as task.output; by label if it reads several",
  }),
  after: z.array(z.string()).openapi({ description: "the tasks it waits for" }),
  past_seconds: seconds,
  job: z.object({
    launcher: z.string(),
    id: z.string(),
    state: z.enum(["waiting", "running", "ended"]),
    detail: z.string().nullable(),
    node: z.string().nullable(),
  }).nullable().openapi({ description: "its job, if a launcher runs it" }),
  cores: z.number().nullable(),
  memory_bytes: z.number().nullable(),
}).openapi("Task");

export const Runs = z.object({ runs: z.array(Run) }).openapi("Runs");

export const RunDetail = Run.extend({ tasks: z.array(Task) }).openapi("RunDetail");

export const Status = Run.extend({
  task: z.string().nullable(),
  stage: z.string().nullable(),
  step: z.number().nullable(),
  total_steps: z.number().nullable(),
  loss: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
  time_left_s: seconds,
  running: z.array(Task),
}).openapi("Status", { description: "The newest run, and its running task that started first." });

export const PlanNode = Task.pick({
  task: true,
  stage: true,
  state: true,
  reasons: true,
  step: true,
  total_steps: true,
  time_left_s: true,
  started_at: true,
  ended_at: true,
  past_seconds: true,
}).openapi("PlanNode");

export const PlanEdge = z.object({
  from: z.string(),
  to: z.string(),
  inputs: z.array(z.string()).openapi({ description: "inputs of `to`, as input or input.label" }),
}).openapi("PlanEdge");

export const Plan = z.object({
  run: z.string(),
  nodes: z.array(PlanNode),
  edges: z.array(PlanEdge),
}).openapi("Plan");

export const StagePort = z.object({
  kind: z.enum(["table", "files"]),
  description: z.string(),
  columns: z.record(z.string(), z.string()).optional(),
  format: z.string().optional(),
  optional: z.boolean().optional(),
  many: z.boolean().optional(),
}).openapi("Port");

export const Stage = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  inputs: z.record(z.string(), StagePort),
  outputs: z.record(z.string(), StagePort),
}).openapi("Stage");

export const Stages = z.object({ stages: z.array(Stage) }).openapi("Stages");

export const MetricSeries = z.object({
  task: z.string(),
  name: z.string(),
  total_points: count.openapi({ description: "points in the range before down-sampling" }),
  steps: z.array(z.number()),
  times: z.array(z.number()).openapi({ description: "Unix milliseconds" }),
  values: z.array(z.number().nullable()).openapi({ description: "null: not finite" }),
}).openapi("Series");

export const Metrics = z.object({
  run: z.string(),
  series: z.array(MetricSeries),
}).openapi("Metrics");

export const Logs = z.object({
  lines: z.array(z.object({ time, task: z.string().nullable(), message: z.string() })),
}).openapi("Logs");

export const Samples = z.object({
  samples: z.array(z.object({
    task: z.string(),
    step: z.number(),
    time,
    prompt: z.string(),
    text: z.string(),
  })),
}).openapi("Samples");

export const ArtifactEntry = Output.extend({
  task: z.string(),
  output: z.string(),
  port: StagePort.nullable().openapi({ description: "null in old logs" }),
  url: z.string(),
}).openapi("Artifact");

export const Artifacts = z.object({ artifacts: z.array(ArtifactEntry) }).openapi("Artifacts");

const cell = z.union([z.string(), z.boolean(), z.number(), z.array(z.number().nullable())]);

export const Table = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows_total: count,
  offset: count,
  rows: z.array(z.array(cell.nullable())).openapi({ description: "null: not finite" }),
  next_offset: count.nullable().openapi({ description: "null at the end of the table" }),
}).openapi("Table");

export const Files = z.object({
  files: z.array(z.object({
    name: z.string(),
    bytes: z.number(),
    digest: z.string(),
    media_type: z.string(),
    url: z.string(),
  })),
}).openapi("Files");

/** A path parameter that names a run. */
export const runParam = z.object({
  run: z.string().openapi({ description: "a run id, or `latest`", example: "latest" }),
});
