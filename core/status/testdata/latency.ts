/**
 * Measures how fast the status is answered while a task trains on all cores:
 *
 *     deno run -A core/status/testdata/latency.ts [requests]
 *
 * prints median, 95th percentile and maximum in milliseconds. The goal is 50 ms; a test asserts it only for the
 * median, because other work on a machine with two cores moves the 95th percentile.
 */
import { join } from "node:path";
import { loadRecipe } from "../../recipe/mod.ts";
import { run, workerExecutor } from "../../runner/mod.ts";
import { serveStatus } from "../server.ts";

interface Status {
  step: number;
  loss: number;
  stage: string;
  time_left_s: number;
}

/** Requests the status every 10 ms, starting with the first training step; times in milliseconds, ascending. */
export async function measureLatency(out: string, requests: number) {
  const url = new URL("./training_recipe.ts", import.meta.url).href;
  const server = await serveStatus({ out, port: 0 });
  const controller = new AbortController();
  const training = Promise.withResolvers<void>();
  const running = run(await loadRecipe(url), {
    out,
    executor: workerExecutor(url),
    signal: controller.signal,
    onEvent: (_, state) => state.steps[0].done && training.resolve(),
  }).catch((error) => (training.reject(error), error.name as string));
  const [times, bodies]: [number[], Status[]] = [[], []];
  try {
    await training.promise;
    for (let i = 0; i < requests; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const start = performance.now();
      const response = await fetch(`${server.url}/status`);
      bodies.push(await response.json());
      times.push(performance.now() - start);
    }
  } finally {
    controller.abort();
    await running;
    await server.close();
  }
  return { times: times.sort((a, b) => a - b), bodies, ended: await running };
}

if (import.meta.main) {
  const requests = Number(Deno.args[0] ?? 1000);
  const folder = await Deno.makeTempDir();
  const { times } = await measureLatency(join(folder, "out"), requests);
  await Deno.remove(folder, { recursive: true });
  const at = (share: number) => times[Math.floor(share * (requests - 1))].toFixed(1);
  console.log(`median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, maximum ${at(1)} ms`);
}
