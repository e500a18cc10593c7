/**
 * How long data-parallel training takes on a cluster, and what it needs there: arithmetic on what `deno task plan` knows
 * of a step and what a file says of a cluster. docs/scale.md compares it with measurements.
 *
 * @module
 */
import { z } from "zod";
import { sharedSize } from "../../batches/mod.ts";
import { issueText } from "../../words/mod.ts";

const positive = z.number().positive();

const link = z.strictObject({
  /** In one direction: of each device within a node, of the whole node between nodes. */
  bytes_per_second: positive,
  /** Seconds of one message. */
  latency_s: z.number().nonnegative().default(0),
});

export const cluster_schema = z.strictObject({
  name: z.string(),
  /** Where the numbers come from: measured, published, assumed. It is printed with the estimate. */
  basis: z.string(),
  /** Numbers of devices to estimate: part of a node, or whole nodes. */
  devices: z.array(z.int().positive()).min(1),
  devices_per_node: z.int().positive(),
  device: z.strictObject({
    name: z.string(),
    /**
     * FLOP/s that training reaches on one device, without update and communication: one number, or one for each model size,
     * of which the nearest is used.
     */
    flops_per_second: z.union([
      positive,
      z.array(z.strictObject({ parameters: positive, flops_per_second: positive })).min(1),
    ]),
    /** Bytes per second of the optimizer's update, which reads and writes 28 bytes per parameter. */
    memory_bytes_per_second: positive.optional(),
    memory_bytes: positive,
    price_per_hour: z.number().nonnegative().optional(),
    mean_hours_between_failures: positive.optional(),
    /** Devices of a node that compute at once, where there are more processes than cores. */
    at_once: z.int().positive().optional(),
  }),
  links: z.strictObject({
    within_node: link,
    between_nodes: link.optional(),
    /** Between the memories of device and host, for gradients; left out where they are the same. */
    host: link.optional(),
  }),
  /** For checkpoints, which one process writes. */
  storage: z.strictObject({ bytes_per_second: positive }),
  checkpoint_minutes: positive.default(1),
  restart_minutes: z.number().nonnegative().default(5),
  /** Whether each device keeps only a part of the optimizer's moments. */
  shard_optimizer: z.boolean().default(false),
  currency: z.string().default("USD"),
}).check((context) => {
  const { devices, devices_per_node, links } = context.value;
  const refuse = (path: string[], message: string) =>
    context.issues.push({ code: "custom", input: context.value, path, message });
  const uneven = devices.find((n) => n > devices_per_node && n % devices_per_node !== 0);
  if (uneven) {
    refuse(["devices"], `${uneven} is not a multiple of ${devices_per_node}, a whole node`);
  }
  if (devices.some((n) => n > devices_per_node) && !links.between_nodes) {
    refuse(["links", "between_nodes"], "is needed for more than one node");
  }
});

export type Cluster = z.infer<typeof cluster_schema>;

/**
 * Reads a cluster file.
 *
 * @throws {Error} with a line for each field that is wrong.
 */
export function parseCluster(text: string, path: string): Cluster {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`);
  }
  const parsed = cluster_schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issueText(issue)}`);
  throw new Error(`${path} is not a valid cluster file:\n${lines.join("\n")}`);
}

/** A phase of training, as the plan has it. */
export interface TrainingJob {
  readonly parameters: number;
  /** FLOPs of the whole phase. */
  readonly flops: number;
  readonly steps: number;
  readonly tokens: number;
  /** Micro-batches of a global batch: what a step is divided into. */
  readonly micro_batches: number;
  /** Sequences of a global batch: what it can be divided into. Absent: micro-batches cannot be made smaller. */
  readonly sequences?: number;
  /** Bytes of one process, by what they hold; `moments` are divided where the optimizer is sharded. */
  readonly memory: Readonly<Record<string, number>>;
}

export type Estimate = ReturnType<typeof estimate>;

/** Gradients are summed in pieces of this many numbers (`core/train/host_trainer.ts`). */
const BUCKET = 1 << 22;
/** Weights, gradient and two moments are read, weights and moments written: 7 numbers of 4 bytes. */
const UPDATE_BYTES = 28;
/** Weights and two moments. */
const CHECKPOINT_BYTES = 12;

/**
 * Estimates a phase on N devices, n nodes of d each. With M micro-batches a step and P parameters:
 *
 *     compute     = ⌈M / N⌉ / M · FLOPs / (rate · steps)
 *     update      = 28 P / memory rate  (of the device's share where the optimizer is sharded)
 *     all_reduce  = ring within the node + ring between nodes + copies through the host, see `allReduceSeconds`
 *     failures    = time · N / mean time between failures, each of which costs half an interval and a restart
 */
export function estimate(job: TrainingJob, cluster: Cluster, devices: number) {
  const step = stepParts(job, cluster, devices);
  const alone = total(stepParts(job, cluster, 1));
  const training = job.steps * total(step);
  const { mean_hours_between_failures: mean, price_per_hour: price } = cluster.device;
  const checkpoint_seconds = CHECKPOINT_BYTES * job.parameters / cluster.storage.bytes_per_second;
  // A checkpoint that takes longer than the interval is written back to back.
  const interval = Math.max(60 * cluster.checkpoint_minutes, checkpoint_seconds);
  const failures = mean === undefined ? 0 : training * devices / (3600 * mean);
  const lost_seconds = failures * (interval / 2 + 60 * cluster.restart_minutes);
  const seconds = training + lost_seconds;
  return {
    ...{ nodes: shapeOf(cluster, devices).nodes, devices, step },
    /** Expected failures, the seconds lost to them, and those of the phase with them. */
    ...{ failures, lost_seconds, seconds },
    /** Seconds to write a checkpoint, during training. */
    checkpoint_seconds,
    tokens_per_second: job.tokens / training,
    /** Speed over that of one device, divided by the number of devices. */
    efficiency: alone / total(step) / devices,
    /** Bytes on one device. */
    memory: memoryOf(job, cluster, devices),
    /** Bytes that a device sends in a step. */
    sent_per_step: 2 * (devices - 1) / devices * 4 * job.parameters,
    ...(price !== undefined && { cost: seconds / 3600 * devices * price }),
  };
}

const total = ({ compute, update, all_reduce }: ReturnType<typeof stepParts>) =>
  compute + update + all_reduce;

/** Nodes, and the devices used on each. */
function shapeOf({ devices_per_node }: Cluster, devices: number) {
  const nodes = Math.ceil(devices / devices_per_node);
  return { nodes, on_each: devices / nodes };
}

/** Seconds of the parts of a step; nothing overlaps. */
function stepParts(job: TrainingJob, cluster: Cluster, devices: number) {
  const { device, shard_optimizer } = cluster;
  const { on_each } = shapeOf(cluster, devices);
  const micro_batches = microBatches(job, devices);
  const share = Math.ceil(micro_batches / devices) / micro_batches;
  // More processes than cores take turns.
  const turns = Math.max(1, on_each / (device.at_once ?? on_each));
  const update_bytes = UPDATE_BYTES * job.parameters / (shard_optimizer ? devices : 1);
  const memory_rate = device.memory_bytes_per_second ?? Infinity;
  return {
    compute: turns * share * job.flops / job.steps / rateOf(cluster, job.parameters),
    update: turns * update_bytes / memory_rate,
    all_reduce: allReduceSeconds(4 * job.parameters, cluster, devices),
  };
}

/** Micro-batches of a step: smaller ones where devices would have none, as in training. */
function microBatches(
  { micro_batches, sequences = micro_batches }: TrainingJob,
  devices: number,
): number {
  const planned = Math.ceil(sequences / micro_batches);
  return Math.ceil(sequences / sharedSize(planned, sequences, devices));
}

/** FLOP/s of one device. */
function rateOf({ device: { flops_per_second: rates } }: Cluster, parameters: number): number {
  if (typeof rates === "number") return rates;
  const distance = (of: number) => Math.abs(Math.log(of / parameters));
  return rates.reduce((best, rate) =>
    distance(rate.parameters) < distance(best.parameters) ? rate : best
  ).flops_per_second;
}

/**
 * Seconds to sum G bytes over all devices: rings within the nodes, then between them (each device of a node has a part
 * of the ring, so that the node's link carries G in all). For n nodes of d devices, in b pieces:
 *
 *     2 (d - 1)/d · G/B_w + 2 (d - 1) b L_w  +  2 (n - 1)/n · G/B_b + 2 (n - 1) b L_b  +  2 G/B_h
 *
 * With a sharded optimizer the new weights are gathered too, which adds half.
 */
export function allReduceSeconds(bytes: number, cluster: Cluster, devices: number): number {
  const { links: { within_node, between_nodes, host }, shard_optimizer } = cluster;
  const { nodes, on_each } = shapeOf(cluster, devices);
  if (devices === 1) return 0;
  const pieces = Math.ceil(bytes / 4 / BUCKET);
  const ring = (n: number, link = within_node) =>
    2 * (n - 1) / n * bytes / link.bytes_per_second + 2 * (n - 1) * pieces * link.latency_s;
  const passes = shard_optimizer ? 1.5 : 1;
  const copies = host ? 2 * bytes / host.bytes_per_second : 0;
  return passes * (ring(on_each) + ring(nodes, between_nodes) + copies);
}

function memoryOf({ memory }: TrainingJob, { shard_optimizer }: Cluster, devices: number): number {
  return Object.entries(memory).reduce((sum, [what, bytes]) => {
    return sum + (what === "moments" && shard_optimizer ? bytes / devices : bytes);
  }, 0);
}
