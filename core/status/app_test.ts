import assert from "node:assert/strict";
import { join } from "node:path";
import {
  foldEvents,
  loadRecipe,
  run,
  type RunEvent,
  RunFolder,
  type RunSource,
} from "../runner/mod.ts";
import { statusApp } from "./app.ts";
import { serveStatus } from "./server.ts";
import { measureLatency } from "./testdata/latency.ts";

const recipeUrl = (name: string) => new URL(`../runner/testdata/${name}.ts`, import.meta.url).href;

async function withFolder(use: (out: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await use(join(folder, "out"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function get(app: ReturnType<typeof statusApp>, path: string, host = "127.0.0.1:7411") {
  const response = await app.request(path, { headers: { host } });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: await response.json() };
}

Deno.test("runs, steps and metrics are told as they were reported", () =>
  withFolder(async (out) => {
    const app = statusApp(new RunFolder(out));
    assert.deepEqual((await get(app, "/healthz")).body, { status: "ok" });
    assert.deepEqual((await get(app, "/runs")).body, { runs: [] });
    assert.equal((await get(app, "/status")).status, 404);
    const { id } = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const status = (await get(app, "/status")).body;
    assert.deepEqual([status.run, status.state, status.stage], [id, "finished", null]);
    assert.deepEqual([status.finished_stages, status.total_stages], [4, 4]);
    assert.deepEqual([status.running, status.run_time_left_s], [[], null]);
    const [summary] = (await get(app, "/runs")).body.runs;
    assert.deepEqual([summary.run, summary.recipe], [id, "toy"]);
    const { steps } = (await get(app, `/runs/${id}`)).body;
    assert.equal(steps[0].metrics.loss, 1 / 3);
    assert.equal(steps[0].outputs.data.rows, 3);
    const metrics = async (query: string) =>
      (await get(app, `/runs/${id}/metrics${query}`)).body.points.map((
        { step_id, step, metrics }: { step_id: string; step: number; metrics: object },
      ) => [step_id, step, metrics]);
    assert.deepEqual(await metrics("?step=small&name=loss"), [["small", 3, { loss: 1 / 3 }]]);
    assert.deepEqual(await metrics("?name=loss&from=4"), [["large", 5000, { loss: 1 / 5000 }]]);
    assert.deepEqual(await metrics("?to=2"), []);
  }));

Deno.test("errors are problems with a sentence", () =>
  withFolder(async (out) => {
    const app = statusApp(new RunFolder(out));
    const { id } = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const cases: [string, number, RegExp][] = [
      ["/nowhere", 404, /nothing at \/nowhere/],
      ["/runs/other", 404, /no run "other"; GET \/runs lists them/],
      ["/runs/..%2F..", 404, /no run/],
      [`/runs/${id}/metrics?step=x`, 404, /no step "x"; its steps: small, large, low, total/],
      [`/runs/${id}/metrics?from=x`, 400, /from="x" is not a number/],
    ];
    for (const [path, status, detail] of cases) {
      const response = await get(app, path);
      assert.equal(response.status, status, path);
      assert.equal(response.type, "application/problem+json");
      assert.match(response.body.detail, detail);
    }
    const rebound = await get(app, "/status", "evil.example:7411");
    assert.equal(rebound.status, 403);
  }));

Deno.test("a run whose process is gone is lost, not running", () =>
  withFolder(async (out) => {
    const { id } = await run(await loadRecipe(recipeUrl("toy_recipe")), { out });
    const path = join(out, "runs", id, "events.jsonl");
    const lines = Deno.readTextFileSync(path).trim().split("\n");
    Deno.writeTextFileSync(path, lines.slice(0, 3).join("\n") + "\n");
    const { body } = await get(statusApp(new RunFolder(out)), "/status");
    assert.deepEqual([body.state, body.message], ["lost", "the process ended unexpectedly"]);
  }));

Deno.test("the status comes within 50 ms while a step trains", () =>
  withFolder(async (out) => {
    const { times, bodies, ended } = await measureLatency(out, 200);
    assert.equal(ended, "Interrupted");
    const [first, last] = [bodies[0], bodies[bodies.length - 1]];
    assert.equal(last.stage, "train");
    assert.ok(last.step > first.step && last.loss < first.loss && last.time_left_s > 0);
    // The median holds on a machine that is busy with other work as well; latency.ts prints the rest.
    const median = times[times.length >> 1];
    assert.ok(median < 50, `median ${median} ms`);
  }));

Deno.test("of several steps that run all are told, and the first under the names of old", async () => {
  const plan = ["trunk", "left", "right"].map((id) => ({
    id,
    stage: id === "trunk" ? "pretrain" : "midtrain",
    action: "run" as const,
    reasons: [],
    task: { id, after: id === "trunk" ? [] : ["trunk"], cores: 1, memory: 0 },
    past_seconds: 20,
  }));
  const budget = { jobs: 2, cores: 2, memory: 0 };
  const report = (step: string, loss: number): RunEvent => {
    return { time: 5000, type: "report", step, total: 8, points: [[2, 5000, { loss }]] };
  };
  const starts = (step: string): RunEvent => {
    return { time: 4000, type: "step_started", step, key: step, reasons: [] };
  };
  const state = foldEvents([
    { time: 0, type: "run_started", run: "r", recipe: "test", description: "", budget, plan },
    { time: 4000, type: "step_finished", step: "trunk", outputs: {} },
    starts("right"),
    starts("left"),
    report("left", 3),
    report("right", 2),
  ]);
  const source = { ids: () => ["r"], get: () => Promise.resolve(state) } as unknown as RunSource;
  const { body } = await get(statusApp(source, () => 9000), "/status");
  const { step_id, stage, step, total_steps, loss, finished_stages, run_time_left_s } = body;
  assert.deepEqual([step_id, stage, step, total_steps, loss], ["right", "midtrain", 2, 8, 2]);
  assert.deepEqual([finished_stages, run_time_left_s], [1, 15]);
  const told = body.running.map((running: Record<string, unknown>) => {
    return [running.step_id, running.step, running.metrics];
  });
  assert.deepEqual(told, [["right", 2, { loss: 2 }], ["left", 2, { loss: 3 }]]);
});

Deno.test("a taken port is named", async () => {
  const app = statusApp(new RunFolder("nowhere"));
  const server = serveStatus(app, 0);
  assert.throws(
    () => serveStatus(app, server.port),
    new RegExp(`port ${server.port} on 127.0.0.1 is taken; choose another with --port`),
  );
  await server.close();
});
