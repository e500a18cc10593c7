/**
 * A cluster as a file describes it, for estimates: what its devices do, how they are joined, what it costs.
 *
 * @module
 */
import { z } from "zod";

const positive = z.number().positive();

const link = z.strictObject({
  /** Of one direction: within a node of each device, between nodes of the whole node. */
  bytes_per_second: positive,
  /** Seconds of one message. */
  latency_s: z.number().nonnegative().default(0),
});

export const cluster_schema = z.strictObject({
  name: z.string(),
  /** Where the numbers come from: measured, published, assumed. It is printed with the estimate. */
  basis: z.string(),
  /** Numbers of devices to look at: a part of a node, or whole nodes. */
  devices: z.array(z.int().positive()).min(1),
  devices_per_node: z.int().positive(),
  device: z.strictObject({
    name: z.string(),
    /**
     * FLOP/s that training reaches on one device, update and communication left out: one number, or numbers for models of
     * several sizes, of which the nearest counts.
     */
    flops_per_second: z.union([
      positive,
      z.array(z.strictObject({ parameters: positive, flops_per_second: positive })).min(1),
    ]),
    /** Bytes a second of the optimizer's update, which reads and writes 28 bytes for each parameter. */
    memory_bytes_per_second: positive.optional(),
    memory_bytes: positive,
    price_per_hour: z.number().nonnegative().optional(),
    mean_hours_between_failures: positive.optional(),
    /** Devices of a node that can compute at once, where more processes than cores share it. */
    at_once: z.int().positive().optional(),
  }),
  links: z.strictObject({
    within_node: link,
    between_nodes: link.optional(),
    /** Between a device's memory and that of its host, through which gradients go; left out where they are one. */
    host: link.optional(),
  }),
  /** Of checkpoints, which one process writes. */
  storage: z.strictObject({ bytes_per_second: positive }),
  checkpoint_minutes: positive.default(1),
  restart_minutes: z.number().nonnegative().default(5),
  /** Whether each device keeps a part of the optimizer's moments only. */
  shard_optimizer: z.boolean().default(false),
  currency: z.string().default("USD"),
}).check((context) => {
  const { devices, devices_per_node, links } = context.value;
  const refuse = (path: string[], message: string) =>
    context.issues.push({ code: "custom", input: context.value, path, message });
  const uneven = devices.find((n) => n > devices_per_node && n % devices_per_node !== 0);
  if (uneven) refuse(["devices"], `${uneven} are no whole nodes of ${devices_per_node}`);
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
    throw new Error(`${path} is no JSON: ${(error as Error).message}`);
  }
  const parsed = cluster_schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path: at, message }) => `  ${at.join(".")}: ${message}`);
  throw new Error(`${path} describes no cluster:\n${lines.join("\n")}`);
}
