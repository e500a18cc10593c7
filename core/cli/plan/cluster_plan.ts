/**
 * `deno task plan --cluster FILE`: what the training steps of a plan need on a cluster, as numbers and as text.
 *
 * @module
 */
import type { Recipe } from "../../recipe/mod.ts";
import type { StepForecast } from "../../runner/mod.ts";
import { formatSpan, formatTable } from "../shared/console.ts";
import { counted, formatBytes, formatNumber } from "../../words/mod.ts";
import { type Cluster, type Estimate, estimate, type TrainingJob } from "./estimate.ts";

/**
 * Estimates all training steps of a plan.
 *
 * @throws {Error} when no step trains.
 */
export function clusterPlan(recipe: Recipe, steps: readonly StepForecast[], cluster: Cluster) {
  const trained = steps.filter(({ forecast }) => forecast?.training && forecast.flops);
  if (trained.length === 0) throw new Error(`no step of ${recipe.name} forecasts its training`);
  const jobs = new Map(trained.map((step) => [step.id, jobOf(step)]));
  const each = [...jobs].map(([id, job]) => {
    return [id, cluster.devices.map((devices) => estimate(job, cluster, devices))] as const;
  });
  const estimates = Object.fromEntries(each);
  const line = longestLine(trained).map(({ id }) => id);
  const totalsOf = (ids: readonly string[]) =>
    cluster.devices.map((_, i) => sumUp(ids.map((id) => [jobs.get(id)!, estimates[id][i]])));
  const tokensOf = (ids: readonly string[]) =>
    ids.reduce((sum, id) => sum + jobs.get(id)!.tokens, 0);
  const ids = [...jobs.keys()];
  const devices = Math.max(...cluster.devices);
  return {
    cluster,
    // The longest line of phases, from the first step of a run to its last, and its totals by number of devices.
    ...{ line, line_tokens: tokensOf(line), line_totals: totalsOf(line) },
    // All training steps, one after the other.
    ...{ steps: ids.length, tokens: tokensOf(ids), totals: totalsOf(ids) },
    /** By step, for each number of devices. */
    estimates,
    /** Bytes of results, and of scratch files. */
    disk: diskOf(steps),
    /** Sequences of a global batch, of the steps that have fewer than there are devices. */
    too_few: Object.fromEntries(
      [...jobs].map(([id, job]) => [id, job.sequences ?? job.micro_batches] as const)
        .filter(([, pieces]) => pieces < devices),
    ),
  };
}

type ClusterPlan = ReturnType<typeof clusterPlan>;
/** What steps need together on a number of devices. */
type ClusterTotal = ReturnType<typeof sumUp>;

function jobOf({ forecast }: StepForecast): TrainingJob {
  const { training, flops, memory = {}, compute } = forecast!;
  const { parameters, tokens, from_step, to_step } = training!;
  const steps = Math.max(1, to_step - from_step);
  // The representative products have one row for each position of a micro-batch.
  const micro_batches = Math.max(1, Math.round(tokens / steps / compute!.product.rows));
  const { sequences } = training!;
  return { parameters, flops: flops!, steps, tokens, micro_batches, sequences, memory };
}

/** The phases from the first step of a run to the last, of the run with the most tokens. */
function longestLine(trained: readonly StepForecast[]): StepForecast[] {
  const by_id = new Map(trained.map((step) => [step.id, step]));
  const lineOf = (step: StepForecast): StepForecast[] => {
    const parent = by_id.get(step.parent ?? "");
    const { from_step } = step.forecast!.training!;
    // Fine-tuning counts its own steps: it is not part of the run.
    return parent && from_step > 0 ? [...lineOf(parent), step] : [step];
  };
  const tokens = (line: readonly StepForecast[]) =>
    line.reduce((sum, { forecast }) => sum + forecast!.training!.tokens, 0);
  return trained.map(lineOf).reduce((best, line) => tokens(line) > tokens(best) ? line : best);
}

function sumUp(parts: readonly (readonly [TrainingJob, Estimate])[]) {
  const sum = (of: (job: TrainingJob, estimate: Estimate) => number) =>
    parts.reduce((total, [job, estimate]) => total + of(job, estimate), 0);
  const most = (of: (estimate: Estimate) => number) =>
    Math.max(...parts.map(([, estimate]) => of(estimate)));
  const [, { nodes, devices }] = parts[0];
  const seconds = sum((_, { seconds }) => seconds);
  const training = sum((_, { seconds, lost_seconds }) => seconds - lost_seconds);
  const sent = sum(({ steps }, { sent_per_step }) => steps * sent_per_step);
  const priced = parts.every(([, { cost }]) => cost !== undefined);
  return {
    ...{ nodes, devices, seconds },
    tokens_per_second: sum(({ tokens }) => tokens) / training,
    /** Of one device: 1 for compute alone; weighted by time. */
    efficiency: sum((_, e) => e.efficiency * (e.seconds - e.lost_seconds)) / training,
    /** Share of the time in which gradients are summed. */
    all_reduce_share: sum(({ steps }, { step }) => steps * step.all_reduce) / training,
    /** Most bytes on a device. */
    memory: most(({ memory }) => memory),
    /** Bytes that a device sends: in total, and per second on average. */
    ...{ sent, sent_per_second: sent / training },
    failures: sum((_, { failures }) => failures),
    lost_seconds: sum((_, { lost_seconds }) => lost_seconds),
    /** Seconds to write the largest checkpoint. */
    checkpoint_seconds: most(({ checkpoint_seconds }) => checkpoint_seconds),
    ...(priced && { cost: sum((_, { cost }) => cost!) }),
  };
}

function diskOf(steps: readonly StepForecast[]): number {
  const total = (parts: Readonly<Record<string, number>> = {}) =>
    Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  const scratch = Math.max(0, ...steps.map(({ forecast }) => forecast?.scratch ?? 0));
  return scratch +
    steps.reduce((sum, { written, forecast }) => sum + (written ?? total(forecast?.disk)), 0);
}

const HEADS = [
  ...["nodes", "devices", "time", "tokens/s", "efficiency"],
  ...["summing", "memory", "sent", "failures", "cost"],
];

/** Tables for one run and for the whole recipe, with their assumptions. */
export function renderCluster(plan: ClusterPlan): string {
  const { cluster, line, line_tokens, line_totals, steps, tokens, totals, disk, too_few } = plan;
  const { device, checkpoint_minutes } = cluster;
  const [{ checkpoint_seconds }] = totals;
  const few = Object.entries(too_few);
  return [
    `${cluster.name}: ${cluster.devices_per_node} x ${device.name} a node`,
    `Numbers: ${cluster.basis}`,
    "",
    `One run, ${formatNumber(line_tokens)} tokens (${line[0]} to ${line.at(-1)}):`,
    table(line_totals, plan),
    "",
    `${steps === 1 ? "The only training task" : `All ${formatNumber(steps)} training tasks`}, ${
      formatNumber(tokens)
    } tokens, one by one:`,
    table(totals, plan),
    "",
    `A checkpoint every ${counted(checkpoint_minutes, "minute")} takes ${
      formatSpan(checkpoint_seconds)
    } to ` +
    `write, beside training. Results and scratch: ${formatBytes(disk)}.`,
    "Time is compute, update and summing of gradients, one after the other, plus the cost of failures. " +
    "Memory is per device; sent is the total that a device sends.",
    ...(few.length > 0
      ? [
        `${counted(few.length, "task")} with fewer sequences in a batch than devices (${
          few[0][0]
        }: ${few[0][1]}): training on that many would be refused; raise global_batch_size.`,
      ]
      : []),
    ...tooLarge(plan),
  ].join("\n");
}

function table(totals: readonly ClusterTotal[], { cluster: { currency } }: ClusterPlan): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const rows = totals.map((total) => [
    formatNumber(total.nodes),
    formatNumber(total.devices),
    formatSpan(total.seconds),
    formatNumber(Math.round(total.tokens_per_second)),
    percent(total.efficiency),
    percent(total.all_reduce_share),
    formatBytes(total.memory),
    formatBytes(total.sent),
    total.failures < 0.05 ? "" : total.failures.toFixed(1),
    total.cost === undefined ? "" : `${formatNumber(Math.round(total.cost))} ${currency}`,
  ]);
  return formatTable(HEADS, rows, HEADS);
}

function tooLarge({ totals, cluster: { device } }: ClusterPlan): string[] {
  const most = Math.max(...totals.map(({ memory }) => memory));
  if (most <= device.memory_bytes) return [];
  return [
    `${formatBytes(most)} do not fit into ${device.name}'s ${formatBytes(device.memory_bytes)}: ` +
    "lower micro_batch_size.",
  ];
}
