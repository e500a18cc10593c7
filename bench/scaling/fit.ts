/**
 * Describes this machine as a cluster file from measurements, and predicts step times from that.
 *
 * @module
 */
import { type Cluster, estimate, type TrainingJob } from "@causeway/core/cli/plan";
import type { ReduceResult, TrainResult, UpdateResult } from "./rank.ts";

/** Bandwidth and latency of one link. */
export interface Link {
  readonly bytes_per_second: number;
  readonly latency_s: number;
}

/**
 * Bandwidth B and latency L of a link over which a ring all-reduce of n processes takes the measured times,
 *
 *     seconds = 2 (n - 1)/n · bytes/B + 2 (n - 1) · L
 *
 * by least squares of relative errors, so that small and large sizes have the same weight.
 *
 * @example
 * ```ts
 * import { fitLink } from "./fit.ts";
 * import assert from "node:assert/strict";
 *
 * const measured = [1e4, 1e6, 1e8].map((bytes) => ({ bytes, seconds: bytes / 2e9 + 2e-5 }));
 * const { bytes_per_second, latency_s } = fitLink(measured, 2);
 * assert.ok(Math.abs(bytes_per_second - 2e9) < 1 && Math.abs(latency_s - 1e-5) < 1e-9);
 * ```
 */
export function fitLink(measured: ReduceResult, processes: number): Link {
  const hops = 2 * (processes - 1);
  // Each row divided by its seconds: x/B + y L = 1.
  const rows = measured.map(({ bytes, seconds }) => {
    return { x: hops / processes * bytes / seconds, y: hops / seconds };
  });
  const sum = (of: (row: { x: number; y: number }) => number) =>
    rows.reduce((total, row) => total + of(row), 0);
  const [xx, xy, yy] = [sum(({ x }) => x * x), sum(({ x, y }) => x * y), sum(({ y }) => y * y)];
  const [x, y] = [sum(({ x }) => x), sum(({ y }) => y)];
  const determinant = xx * yy - xy * xy;
  const inverse = (x * yy - y * xy) / determinant, latency = (y * xx - x * xy) / determinant;
  return { bytes_per_second: 1 / inverse, latency_s: Math.max(0, latency) };
}

/** This machine as a cluster of one node, from the times of one process and of all-reduces between two. */
export function clusterOf(
  { alone, update, link, cores, memory_bytes, basis }: {
    alone: TrainResult;
    update: UpdateResult;
    link: Link;
    cores: number;
    memory_bytes: number;
    basis: string;
  },
): Cluster {
  const { flops, seconds, parameters } = alone;
  return {
    name: "this machine, a process on each core",
    basis,
    devices: [1, cores],
    devices_per_node: cores,
    device: {
      name: "one core",
      flops_per_second: flops / (seconds - update.seconds),
      memory_bytes_per_second: 28 * parameters / update.seconds,
      memory_bytes: memory_bytes / cores,
      at_once: cores,
    },
    links: { within_node: link },
    storage: { bytes_per_second: 5e8 },
    checkpoint_minutes: 1,
    restart_minutes: 1,
    shard_optimizer: false,
    currency: "USD",
  };
}

/** Seconds of a step with `processes` processes, as `deno task plan --cluster` estimates them. */
export function predicted(
  cluster: Cluster,
  { parameters, flops }: TrainResult,
  micro_batches: number,
  processes: number,
  shard_optimizer: boolean,
): number {
  const job: TrainingJob = { parameters, flops, steps: 1, tokens: 1, micro_batches, memory: {} };
  const { step } = estimate(
    job,
    { ...cluster, devices_per_node: processes, shard_optimizer },
    processes,
  );
  return step.compute + step.update + step.all_reduce;
}
