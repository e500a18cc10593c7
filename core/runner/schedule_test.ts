import assert from "node:assert/strict";
import { resourcesOf } from "./resources.ts";
import type { Budget, Resources, Task } from "../runs/mod.ts";
import { startable } from "./schedule.ts";

const BUDGET = { jobs: 4, cores: 4, memory: 100 };

const task = (id: string, resources: Partial<Resources> = {}, after: string[] = []): Task => ({
  id,
  after,
  cores: 1,
  memory: 10,
  ...resources,
});

/** Ids to start, of "a b c"; by default all are ready and none runs. */
function starts(
  tasks: Task[],
  { done = "", running = "", ...budget }: Partial<Budget> & { done?: string; running?: string } =
    {},
): string {
  const ids = (text: string) => new Set(text.split(" "));
  const started = startable(tasks, ids(done), ids(running), { ...BUDGET, ...budget });
  return started.map(({ id }) => id).join(" ");
}

Deno.test("a step starts when all steps it reads are done", () => {
  const tasks = [task("a"), task("b", {}, ["a"]), task("c", {}, ["a", "b"]), task("d")];
  assert.equal(starts(tasks), "a d");
  assert.equal(starts(tasks, { running: "a d" }), "");
  assert.equal(starts(tasks, { done: "a", running: "d" }), "b");
  assert.equal(starts(tasks, { done: "a d" }), "b");
  assert.equal(starts(tasks, { done: "a b d" }), "c");
  assert.equal(starts(tasks, { done: "a b c d" }), "");
});

Deno.test("steps start in the order of the recipe, up to the number of jobs", () => {
  const tasks = ["a", "b", "c", "d"].map((id) => task(id));
  assert.equal(starts(tasks, { jobs: 1 }), "a");
  assert.equal(starts(tasks, { jobs: 3 }), "a b c");
  assert.equal(starts(tasks, { jobs: 3, running: "b c" }), "a");
  assert.equal(starts(tasks, { jobs: 2, running: "b c" }), "");
});

Deno.test("cores are shared, and a small step overtakes one that does not fit", () => {
  const tasks = [task("a", { cores: 3 }), task("b", { cores: 2 }), task("c")];
  assert.equal(starts(tasks), "a c");
  assert.equal(starts(tasks, { done: "a" }), "b c");
  assert.equal(starts(tasks, { running: "c" }), "a");
  assert.equal(starts(tasks, { cores: 2 }), "a", "one alone may want more than there is");
});

Deno.test("memory is never exceeded by steps together, but one step may always run", () => {
  const tasks = [task("a", { memory: 60 }), task("b", { memory: 60 }), task("c", { memory: 40 })];
  assert.equal(starts(tasks), "a c");
  assert.equal(starts(tasks, { memory: 99 }), "a");
  assert.equal(starts(tasks, { memory: 20 }), "a");
  assert.equal(starts(tasks, { memory: 20, running: "c" }), "");
});

Deno.test("a GPU runs one step at a time", () => {
  const tasks = [task("a", { device: "cuda" }), task("b", { device: "cuda" }), task("c")];
  assert.equal(starts(tasks), "a c");
  assert.equal(starts(tasks, { running: "a c" }), "");
});

Deno.test("a step needs as many cores as threads: all for 0, one without that field", () => {
  const resources = (config: unknown, memory?: number) =>
    resourcesOf({ config: config as never }, 8, memory, 90);
  assert.deepEqual(resources({ threads: 3 }), { cores: 3, memory: 90 });
  assert.deepEqual(resources({ threads: 1, workers: 4 }), { cores: 4, memory: 90 });
  assert.deepEqual(resources({ threads: 3, workers: "auto" }), { cores: 3, memory: 90 });
  assert.deepEqual(resources({ threads: 12, device: "cpu" }), { cores: 8, memory: 90 });
  assert.deepEqual(resources({ threads: 0, device: "cuda" }), {
    cores: 8,
    memory: 90,
    device: "cuda",
  });
  assert.deepEqual(resources({ lr: 1 }), { cores: 1, memory: 0 });
  assert.deepEqual(resources({ threads: 3 }, 40), { cores: 3, memory: 40 });
  assert.deepEqual(resources({ lr: 1 }, 40), { cores: 1, memory: 40 });
  assert.deepEqual(resources(null), { cores: 1, memory: 0 });
});
