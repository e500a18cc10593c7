import assert from "node:assert/strict";
import { join } from "node:path";
import { digests } from "../../tests/faults/traces.ts";
import { dispatch } from "./schedule.ts";
import type { Point, RunEvent } from "../runs/mod.ts";
import { loadRecipe } from "../recipe/mod.ts";
import { defineRecipe } from "../recipe/mod.ts";
import { run, type RunOptions } from "./run.ts";
import { RunControl } from "./run_control.ts";
import { numbers } from "../recipe/testdata/stages.ts";
import { workerExecutor } from "./worker.ts";
import { withFolder } from "../../tests/shared/commands.ts";

const urlOf = (name: string) => new URL(`../recipe/testdata/${name}.ts`, import.meta.url).href;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a recipe in workers, calling back with each event. */
async function inWorkers(
  name: string,
  out: string,
  options: Partial<RunOptions> & { onEvent?: (event: RunEvent) => void },
) {
  const executor = workerExecutor(urlOf(name));
  return await run(await loadRecipe(urlOf(name)), { out, executor, ...options });
}

Deno.test("a paused run waits, and its results are byte-identical", () =>
  withFolder(async (folder) => {
    const [plain, paused] = [join(folder, "plain"), join(folder, "paused")];
    await inWorkers("arms_recipe", plain, { jobs: 2 });
    const control = new RunControl();
    const events: RunEvent[] = [];
    const still: number[] = [];
    const pauseOnce = async (when: number) => {
      if (events.filter(({ type }) => type === "report").length !== when) return;
      assert.ok(control.run);
      control.pause();
      control.pause();
      // Until all of them have reported, which takes a while on a busy machine.
      for (let seen = -1, tries = 0; seen !== events.length && tries < 10; tries++) {
        seen = events.length;
        await pause(400);
      }
      assert.ok(!events.some(({ type }) => type === "run_finished"));
      const before = events.length;
      await pause(200);
      still.push(events.length - before);
      control.resume();
    };
    const pauses: Promise<void>[] = [];
    await inWorkers("arms_recipe", paused, {
      jobs: 2,
      control,
      onEvent(event) {
        events.push(event);
        if (event.type === "report") pauses.push(pauseOnce(2), pauseOnce(6));
      },
    });
    await Promise.all(pauses);
    assert.deepEqual(still, [0, 0]);
    const types = events.map(({ type }) => type).filter((type) => /paused|resumed/.test(type));
    assert.deepEqual(types, ["run_paused", "run_resumed", "run_paused", "run_resumed"]);
    const results = async (out: string) => {
      return [...await digests(out)].filter(([path]) => !path.startsWith("runs/"));
    };
    assert.deepEqual(await results(paused), await results(plain));
  }));

Deno.test("a paused step has reported its progress, and a stop ends the pause", () =>
  withFolder(async (folder) => {
    const control = new RunControl();
    const controller = new AbortController();
    const points: Point[] = [];
    const running = inWorkers("spin_recipe", join(folder, "out"), {
      control,
      signal: controller.signal,
      onEvent(event) {
        if (event.type !== "report") return;
        points.push(...event.points);
        if (points.length === 1) control.pause();
      },
    });
    running.catch(() => {});
    while (!control.paused) await pause(5);
    await pause(150);
    const told = points.length;
    const resumed_at = Date.now();
    control.resume();
    while (points.length === told) await pause(1);
    control.pause();
    // Reports are gathered for 100 ms; none of those before the pause was kept back in it.
    const [done, time] = points[told];
    assert.equal(done, points[told - 1][0] + 1);
    assert.ok(time >= resumed_at, `${time} ${resumed_at}`);
    await pause(50);
    controller.abort();
    await assert.rejects(running, { name: "Interrupted" });
    assert.ok(points.at(-1)![0] < 600, "it did not run to its end");
    const [work] = [...Deno.readDirSync(join(folder, "out/store/work"))];
    assert.ok(work, "it has written its checkpoint");
  }));

Deno.test("while the gate is closed nothing starts; a failure or a stop does not wait for it", async () => {
  const tasks = ["a", "b"].map((id) => ({
    id,
    after: id === "a" ? [] : ["a"],
    cores: 1,
    memory: 0,
  }));
  const budget = { jobs: 1, cores: 1, memory: 0 };
  const started: string[] = [];
  const gate = new RunControl();
  const start = async ({ id }: { id: string }) => {
    started.push(id);
    await pause(1);
    gate.pause();
  };
  const { signal } = new AbortController();
  const running = dispatch(tasks, budget, start, signal, gate);
  await pause(30);
  assert.deepEqual(started, ["a"]);
  gate.resume();
  // The gate is closed again by "b", after which there is nothing to start.
  assert.deepEqual(await running, { errors: [], left: 0 });
  const fails = async () => {
    await pause(1);
    gate.pause();
    throw "it broke";
  };
  gate.resume();
  assert.deepEqual(await dispatch(tasks, budget, fails, signal, gate), {
    errors: ["it broke"],
    left: 1,
  });
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 10);
  const stopped = await dispatch(tasks, budget, start, controller.signal, gate);
  assert.deepEqual(stopped, { errors: [], left: 2 });
});

Deno.test("a step in the runner's own thread is paused when it writes", () =>
  withFolder(async (folder) => {
    const recipe = defineRecipe({ name: "own", description: "", seed: 0 }, (recipe) => {
      recipe.step("small", numbers, { config: { count: 3 } });
    });
    const control = new RunControl();
    const types: string[] = [];
    const isPaused = () => types.at(-1) === "run_paused";
    control.pause();
    const running = run(recipe, {
      out: join(folder, "out"),
      control,
      onEvent({ type }) {
        types.push(type);
        if (type === "step_started") control.pause();
      },
    });
    while (!isPaused()) await pause(5);
    assert.deepEqual(types, ["run_started", "run_paused"]);
    control.resume();
    while (!isPaused()) await pause(5);
    await pause(50);
    assert.deepEqual(types.slice(2), ["run_resumed", "step_started", "run_paused"]);
    control.resume();
    await running;
    const rest = ["run_resumed", "report", "step_finished", "run_finished"];
    assert.deepEqual(types.slice(5), rest);
  }));
