import assert from "node:assert/strict";
import {
  allReduceSeconds,
  type Cluster,
  cluster_schema,
  estimate,
  parseCluster,
  type TrainingJob,
} from "./estimate.ts";

const CLUSTER: Cluster = cluster_schema.parse({
  name: "test",
  basis: "made up",
  devices: [2, 4, 8],
  devices_per_node: 4,
  device: {
    name: "device",
    flops_per_second: 1e12,
    memory_bytes_per_second: 1e11,
    memory_bytes: 8e9,
    price_per_hour: 2,
    mean_hours_between_failures: 1000,
  },
  links: {
    within_node: { bytes_per_second: 1e10, latency_s: 1e-5 },
    between_nodes: { bytes_per_second: 1e9, latency_s: 1e-4 },
  },
  storage: { bytes_per_second: 1e9 },
  checkpoint_minutes: 10,
  restart_minutes: 5,
});

const JOB: TrainingJob = {
  parameters: 1e8,
  flops: 3.6e16,
  steps: 1000,
  tokens: 1e9,
  micro_batches: 64,
  memory: { weights: 4e8, gradients: 4e8, moments: 8e8, activations: 1e9 },
};

const near = (a: number, b: number) =>
  assert.ok(Math.abs(a - b) < 1e-9 * Math.abs(b), `${a}, ${b}`);

Deno.test("one device sums nothing and has efficiency 1", () => {
  const { step, efficiency, sent_per_step, seconds, lost_seconds } = estimate(JOB, CLUSTER, 1);
  near(step.compute, 36);
  near(step.update, 28 * 1e8 / 1e11);
  assert.equal(step.all_reduce, 0);
  assert.equal(efficiency, 1);
  assert.equal(sent_per_step, 0);
  near(seconds - lost_seconds, 1000 * (36 + 0.028));
});

Deno.test("sums go around rings, within the nodes and between them", () => {
  // 4e8 bytes are 24 pieces of 2^22 numbers.
  near(allReduceSeconds(4e8, CLUSTER, 4), 1.5 * 0.04 + 6 * 24 * 1e-5);
  near(allReduceSeconds(4e8, CLUSTER, 8), 1.5 * 0.04 + 6 * 24 * 1e-5 + 0.4 + 2 * 24 * 1e-4);
  const host = { bytes_per_second: 1e10, latency_s: 0 };
  const through_host = { ...CLUSTER, links: { ...CLUSTER.links, host } };
  near(allReduceSeconds(4e8, through_host, 4), allReduceSeconds(4e8, CLUSTER, 4) + 0.08);
});

Deno.test("a sharded optimizer takes less memory and update, and more of the network", () => {
  const sharded = { ...CLUSTER, shard_optimizer: true };
  const [whole, parts] = [CLUSTER, sharded].map((cluster) => estimate(JOB, cluster, 4));
  near(whole.memory - parts.memory, 0.75 * 8e8);
  near(parts.step.update, whole.step.update / 4);
  near(parts.step.all_reduce, 1.5 * whole.step.all_reduce);
});

Deno.test("whole micro-batches are shared out: the device with the most says how long it takes", () => {
  const uneven = { ...JOB, micro_batches: 6 };
  near(estimate(uneven, CLUSTER, 4).step.compute, 36 * 2 / 6);
  // Beyond that many devices there is nothing to gain.
  const few = { ...JOB, micro_batches: 2 };
  assert.ok(estimate(few, CLUSTER, 8).efficiency < 0.3);
  // Unless smaller ones can be made of its sequences.
  near(estimate({ ...few, sequences: 16 }, CLUSTER, 8).step.compute, 36 / 8);
});

Deno.test("more processes than cores take turns", () => {
  const shared = { ...CLUSTER, device: { ...CLUSTER.device, at_once: 2 } };
  near(estimate(JOB, shared, 4).step.compute, 2 * estimate(JOB, CLUSTER, 4).step.compute);
  near(estimate(JOB, shared, 2).step.compute, estimate(JOB, CLUSTER, 2).step.compute);
});

Deno.test("failures cost half an interval and a restart, and add to the price", () => {
  const { failures, lost_seconds, seconds, cost, devices } = estimate(JOB, CLUSTER, 4);
  near(failures, (seconds - lost_seconds) * 4 / 3.6e6);
  near(lost_seconds, failures * (300 + 300));
  near(cost!, seconds / 3600 * devices * 2);
  // A checkpoint that takes longer than the interval is the interval.
  const slow = { ...CLUSTER, storage: { bytes_per_second: 1e6 } };
  near(estimate(JOB, slow, 4).lost_seconds, failures * (1200 / 2 + 300));
});

Deno.test("the rate of the model nearest in size counts", () => {
  const rates = [{ parameters: 1e7, flops_per_second: 1e11 }, {
    parameters: 2e8,
    flops_per_second: 1e12,
  }];
  const cluster = { ...CLUSTER, device: { ...CLUSTER.device, flops_per_second: rates } };
  near(estimate(JOB, cluster, 4).step.compute, 9);
  near(estimate({ ...JOB, parameters: 2e7 }, cluster, 4).step.compute, 90);
});

Deno.test("invalid cluster files are refused field by field", () => {
  const { links, ...rest } = CLUSTER;
  const file = (change: object) => JSON.stringify({ ...rest, links, ...change });
  assert.deepEqual(parseCluster(file({}), "x.json"), CLUSTER);
  assert.throws(() => parseCluster("{", "x.json"), /x\.json is not valid JSON/);
  assert.throws(
    () =>
      parseCluster(file({ devices: [], device: { ...rest.device, memory_bytes: -1 } }), "x.json"),
    /x\.json is not a valid cluster file:\n {2}devices must not be empty\n {2}device\.memory_bytes must be a number > 0, got -1/,
  );
  assert.throws(
    () => parseCluster(file({ links: { within_node: links.within_node } }), "x.json"),
    /links\.between_nodes is needed for more than one node/,
  );
  assert.throws(
    () => parseCluster(file({ devices: [6] }), "x.json"),
    /devices: 6 is not a multiple of 4, a whole node/,
  );
  assert.throws(() => parseCluster(file({ gpus: 3 }), "x.json"), /gpus/);
});
