/**
 * Sizes far beyond this machine: a thousand devices, 10T tokens. docs/scale.md explains the consequences.
 */
import assert from "node:assert/strict";
import { encodeTable } from "@causeway/core/arrow";
import { cluster_schema, estimate } from "@causeway/core/cli/plan";
import { MixtureSchedule } from "@causeway/core/batches";
import { permute } from "@causeway/core/random";

const TOKENS = 1e13;
/** Sequences of 2,048 tokens. */
const SEQUENCES = Math.floor(TOKENS / 2048);

Deno.test("the order of 4.9 billion sequences is a permutation and needs no memory", () => {
  const places = [0, Math.floor(SEQUENCES / 2), SEQUENCES - 20_000];
  const seen = new Set<number>();
  for (const from of places) {
    for (let i = from; i < from + 20_000; i++) {
      const at = permute(i, SEQUENCES, 7, "c4", 0);
      assert.ok(Number.isInteger(at) && at >= 0 && at < SEQUENCES);
      seen.add(at);
    }
  }
  assert.equal(seen.size, 60_000);
  // Not in order, and evenly spread.
  const mean = [...seen].reduce((sum, at) => sum + at / SEQUENCES, 0) / seen.size;
  assert.ok(Math.abs(mean - 0.5) < 0.01);
});

Deno.test("mixtures of 4.9 billion sequences are exact to the sequence", () => {
  const weights = { c4: 0.7, code: 0.2, math: 0.1 };
  const schedule = new MixtureSchedule([
    { from: 0, weights: { c4: 1 } },
    { from: Math.floor(SEQUENCES / 2), weights },
  ]);
  let before: Record<string, number> = {};
  for (const total of [1, 1024, SEQUENCES - 1024, SEQUENCES - 1, SEQUENCES]) {
    const drawn = schedule.drawn(total);
    assert.equal(Object.values(drawn).reduce((sum, n) => sum + n, 0), total);
    for (const [source, n] of Object.entries(drawn)) assert.ok(n >= (before[source] ?? 0));
    before = drawn;
  }
  const half = SEQUENCES - Math.floor(SEQUENCES / 2);
  assert.ok(Math.abs(before.code - 0.2 * half) <= 1);
});

Deno.test("the file list of a table of 10T tokens has a few megabytes", () => {
  const files = Math.ceil(2 * TOKENS / 2 ** 28);
  assert.equal(files, 74_506);
  const bytes = encodeTable({ sha256: "utf8", bytes: "float64", rows: "float64" }, {
    sha256: Array.from({ length: files }, (_, i) => i.toString(16).padStart(64, "0")),
    bytes: new Float64Array(files).fill(2 ** 28),
    rows: new Float64Array(files).fill(4096),
  });
  assert.ok(bytes.length < 8e6, `${bytes.length}`);
});

Deno.test("a thousand devices need a thousand micro-batches", () => {
  const device = { name: "d", flops_per_second: 4e14, memory_bytes: 8e10 };
  const link = { bytes_per_second: 2.7e11, latency_s: 1e-5 };
  const cluster = cluster_schema.parse({
    ...{ name: "n", basis: "made up", devices: [1024], devices_per_node: 8, device },
    links: { within_node: link, between_nodes: { ...link, latency_s: 2e-5 } },
    storage: { bytes_per_second: 2e9 },
  });
  const job = {
    parameters: 405_334_016,
    flops: 3.8e20,
    steps: 61_000,
    tokens: 1.28e11,
    memory: {},
  };
  const [as_planned, alone] = [128, 1024].map((micro_batches) =>
    estimate({ ...job, micro_batches }, cluster, 1024)
  );
  assert.ok(as_planned.efficiency < 0.1 && alone.efficiency > as_planned.efficiency);
  // Then the latency of the sum exceeds the time of the compute.
  assert.ok(alone.step.all_reduce > alone.step.compute);
});
