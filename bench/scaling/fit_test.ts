import assert from "node:assert/strict";
import { clusterOf, fitLink, predicted } from "./fit.ts";

Deno.test("fitLink finds the link from the times of a ring all-reduce", () => {
  const measured = [4096, 1e6, 1e8].map((bytes) => ({
    bytes,
    seconds: 2 * 3 / 4 * bytes / 3e9 + 6 * 7e-6,
  }));
  const { bytes_per_second, latency_s } = fitLink(measured, 4);
  assert.ok(Math.abs(bytes_per_second / 3e9 - 1) < 1e-6);
  assert.ok(Math.abs(latency_s / 7e-6 - 1) < 1e-6);
});

Deno.test("a machine described by its measurements predicts the time of one process, and less for two", () => {
  const alone = {
    ...{ seconds: 2, waiting: 0, communication: 0, loss: 1 },
    ...{ parameters: 1e6, flops: 1e11 },
  };
  const cluster = clusterOf({
    ...{ alone, update: { seconds: 0.1, parameters: 1e6 }, cores: 2, memory_bytes: 8e9 },
    ...{ link: { bytes_per_second: 1e9, latency_s: 1e-5 }, basis: "made up" },
  });
  assert.ok(Math.abs(predicted(cluster, alone, 4, 1, false) - 2) < 1e-9);
  const two = predicted(cluster, alone, 4, 2, false);
  assert.ok(Math.abs(two - (0.95 + 0.1 + 0.004 + 2e-5)) < 1e-9);
  // Four processes on two cores take turns, including the update of each.
  const four = predicted(cluster, alone, 4, 4, false);
  assert.ok(four > two && four < 2);
});
