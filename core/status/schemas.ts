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
export const run_state_schema = z.enum(["running", "finished", "failed", "stopped", "lost"]);
export const task_state_schema = z.enum(["waiting", "running", "finished", "skipped", "failed"]);

export const health_schema = z.object({ status: z.literal("ok") }).openapi("Health");

export const run_schema = z.object({
  run: z.string(),
  recipe: z.string(),
  description: z.string(),
  state: run_state_schema.openapi({ description: "lost: the process ended unexpectedly" }),
  paused: z.boolean(),
  started_at: time,
  ended_at: time,
  message: z.string().nullable(),
  published: z.array(z.string()).openapi({ description: "paths inside the output folder" }),
  finished_tasks: count.openapi({ description: "finished or skipped" }),
  total_tasks: count,
  run_time_left_s: seconds,
}).openapi("Run");

export const output_schema = z.object({
  kind: z.enum(["table", "files"]),
  digest: z.string(),
  rows: z.number(),
  bytes: z.number(),
}).openapi("Output");

const wired = z.union([z.string(), z.record(z.string(), z.string())]);

export const task_schema = z.object({
  task: z.string(),
  stage: z.string(),
  state: task_state_schema,
  reasons: z.array(z.string()),
  started_at: time,
  ended_at: time,
  step: z.number().nullable().openapi({
    description: "optimizer steps, or other progress, as last reported",
  }),
  total_steps: z.number().nullable(),
  metrics: metrics.openapi({ description: "the latest value of each" }),
  time_left_s: seconds,
  outputs: z.record(z.string(), output_schema),
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

export const runs_schema = z.object({ runs: z.array(run_schema) }).openapi("Runs");

export const run_detail_schema = run_schema.extend({ tasks: z.array(task_schema) }).openapi(
  "RunDetail",
);

export const status_schema = run_schema.extend({
  task: z.string().nullable(),
  stage: z.string().nullable(),
  step: z.number().nullable(),
  total_steps: z.number().nullable(),
  loss: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
  time_left_s: seconds,
  running: z.array(task_schema),
}).openapi("Status", { description: "The newest run, and its running task that started first." });

export const plan_node_schema = task_schema.pick({
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

export const plan_edge_schema = z.object({
  from: z.string(),
  to: z.string(),
  inputs: z.array(z.string()).openapi({ description: "inputs of `to`, as input or input.label" }),
}).openapi("PlanEdge");

export const plan_schema = z.object({
  run: z.string(),
  nodes: z.array(plan_node_schema),
  edges: z.array(plan_edge_schema),
}).openapi("Plan");

export const port_schema = z.object({
  kind: z.enum(["table", "files"]),
  description: z.string(),
  columns: z.record(z.string(), z.string()).optional(),
  format: z.string().optional(),
  optional: z.boolean().optional(),
  many: z.boolean().optional(),
}).openapi("Port");

export const stage_schema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  inputs: z.record(z.string(), port_schema),
  outputs: z.record(z.string(), port_schema),
}).openapi("Stage");

export const stages_schema = z.object({ stages: z.array(stage_schema) }).openapi("Stages");

export const series_schema = z.object({
  task: z.string(),
  name: z.string(),
  total_points: count.openapi({ description: "points in the range before down-sampling" }),
  steps: z.array(z.number()),
  times: z.array(z.number()).openapi({ description: "Unix milliseconds" }),
  values: z.array(z.number().nullable()).openapi({ description: "null: unknown, or not finite" }),
}).openapi("Series");

export const metrics_schema = z.object({
  run: z.string(),
  series: z.array(series_schema),
}).openapi("Metrics");

export const logs_schema = z.object({
  lines: z.array(z.object({ time, task: z.string().nullable(), message: z.string() })),
}).openapi("Logs");

export const samples_schema = z.object({
  samples: z.array(z.object({
    task: z.string(),
    step: z.number(),
    time,
    prompt: z.string(),
    text: z.string(),
  })),
}).openapi("Samples");

export const artifact_schema = output_schema.extend({
  task: z.string(),
  output: z.string(),
  port: port_schema.nullable().openapi({ description: "null in old logs" }),
  url: z.string(),
}).openapi("Artifact");

export const artifacts_schema = z.object({ artifacts: z.array(artifact_schema) }).openapi(
  "Artifacts",
);

const cell = z.union([z.string(), z.boolean(), z.number(), z.array(z.number().nullable())]);

export const table_schema = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows_total: count,
  offset: count,
  rows: z.array(z.array(cell.nullable())).openapi({ description: "null: not finite" }),
  next_offset: count.nullable().openapi({ description: "null at the end of the table" }),
}).openapi("Table");

export const files_schema = z.object({
  files: z.array(z.object({
    name: z.string(),
    bytes: z.number(),
    digest: z.string(),
    media_type: z.string(),
    url: z.string(),
  })),
}).openapi("Files");

/** A path parameter that names a run. */
export const run_params = z.object({
  run: z.string().openapi({ description: "a run id, or `latest`", example: "latest" }),
});
