import assert from "node:assert/strict";
import { join } from "node:path";
import { digests } from "../../tests/faults/traces.ts";
import { defineStage } from "../stage/mod.ts";
import { listFolder } from "../store/mod.ts";
import type { RunEvent, RunState } from "../runs/mod.ts";
import { type Executor, inlineExecutor } from "./execute.ts";
import { defineRecipe, loadRecipe, type Recipe, type RecipeDraft } from "../recipe/mod.ts";
import { run, type RunOptions } from "./run.ts";
import { storeOf, verify } from "./verify.ts";
import { climb, clip, faulty, numbers, sum } from "../recipe/testdata/stages.ts";
import { workerExecutor } from "./worker.ts";

const ARMS = new URL("../recipe/testdata/arms_recipe.ts", import.meta.url).href;
/** Steps of the arms that take no longer than they must. */
const set = ["left", "right"].flatMap((arm) => [`${arm}.slice=1`, `${arm}.steps=80`]);
const arms = await loadRecipe(ARMS, { set });
const executor = workerExecutor(ARMS, { load: { set } });

/** An executor whose steps hold until they are let go. */
function gate() {
  const held = new Map<string, () => void>();
  const started: string[] = [];
  const executor: Executor = async (step, job, listener, signal) => {
    started.push(step.id);
    await new Promise<void>((resolve) => held.set(step.id, resolve));
    return await inlineExecutor(step, job, listener, signal);
  };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  /** Waits until these have started, and for a moment in which more might. */
  const arrive = async (...ids: string[]) => {
    while (!ids.every((id) => held.has(id))) await pause(5);
    await pause(50);
  };
  return { executor, started, arrive, letGo: (id: string) => held.get(id)!() };
}

/** A test with a folder; steps that are to run at once need as many cores. */
function parallel(name: string, use: (out: string) => Promise<void>) {
  const fn = async () => {
    const folder = await Deno.makeTempDir();
    try {
      await use(join(folder, "out"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  Deno.test({ name, fn, ignore: navigator.hardwareConcurrency < 2 });
}

const mostAtOnce = (states: RunState[]) => Math.max(...states.map(({ running }) => running.length));

const recipeOf = (build: Parameters<typeof defineRecipe>[1]) =>
  defineRecipe({ name: "test", description: "", seed: 1 }, build);

async function play(recipe: Recipe | RecipeDraft, options: RunOptions) {
  const events: RunEvent[] = [];
  const states: RunState[] = [];
  const onEvent = (event: RunEvent, state: RunState) => (events.push(event), states.push(state));
  const error = await run(recipe, { ...options, onEvent }).then(() => undefined, (error) => error);
  return { events, states, error, steps: states.at(-1)!.steps.map(({ state }) => state) };
}

parallel(
  "arms run in parallel, and the folders are byte-identical to running one at a time",
  async (out) => {
    const together = await play(arms, { out, jobs: 2, executor });
    assert.equal(together.error, undefined);
    assert.equal(mostAtOnce(together.states), 2);
    const alone = await play(arms, { out: `${out}1`, executor });
    assert.equal(mostAtOnce(alone.states), 1);
    for (const folder of ["store", "arms"]) {
      const [one, other] = [join(out, folder), join(`${out}1`, folder)];
      assert.deepEqual([...await digests(one)].sort(), [...await digests(other)].sort());
    }
    const [one, other] = [out, `${out}1`].map((out) =>
      Deno.readTextFileSync(join(out, "lock.json"))
    );
    assert.equal(one, other);
  },
);

parallel("a stop request reaches all running steps, and the next run resumes them", async (out) => {
  // Neither arm can end before both have begun.
  const hold = `${out}.hold`;
  Deno.writeTextFileSync(hold, "");
  const held = { set: [...set, `left.hold=${hold}`, `right.hold=${hold}`] };
  const arms = await loadRecipe(ARMS, held);
  const executor = workerExecutor(ARMS, { load: held });
  const controller = new AbortController();
  const busy = new Set<string>();
  const onEvent = (event: RunEvent) => {
    if (event.type === "report") busy.add(event.step);
    if (busy.has("left") && busy.has("right")) controller.abort(new Error("stop"));
  };
  const options = { out, jobs: 2, executor, signal: controller.signal, onEvent };
  await assert.rejects(run(arms, options), { name: "Interrupted" });
  Deno.removeSync(hold);
  const { steps } = await verify(arms, out);
  const resumed = steps.filter(({ reasons }) =>
    reasons.includes("interrupted, resumes from its checkpoint")
  );
  assert.deepEqual(resumed.map(({ id }) => id), ["left", "right"]);
  assert.equal((await play(arms, { out, jobs: 2, executor })).error, undefined);
  await run(arms, { out: `${out}1`, executor });
  assert.deepEqual(
    [...await digests(join(out, "store"))].sort(),
    [...await digests(join(`${out}1`, "store"))].sort(),
  );
});

parallel("after a failure, running steps finish and no other starts", async (out) => {
  const recipe = recipeOf((recipe) => {
    recipe.step("bad", faulty, { config: { how: "throw" } });
    const good = recipe.step("good", numbers, { config: { count: 1 } });
    recipe.step("next", clip, { config: { limit: 1 }, inputs: { data: good.data } });
    recipe.step("other", numbers, { config: { count: 2 } });
  });
  const { executor, started, arrive, letGo } = gate();
  const playing = play(recipe, { out, jobs: 2, executor });
  await arrive("bad", "good");
  letGo("bad");
  await arrive();
  letGo("good");
  const { error, steps, events } = await playing;
  assert.match(error.message, /^step "bad" \(stage faulty\) failed: no data available$/);
  assert.deepEqual(started, ["bad", "good"]);
  assert.deepEqual(steps, ["failed", "finished", "waiting", "waiting"]);
  assert.equal(events.at(-1)!.type, "run_failed");
  const again = await verify(recipe, out);
  assert.deepEqual(again.steps.map(({ action }) => action), ["run", "skip", "run", "run"]);
});

parallel(
  "the first of several failures is reported, even if the run is stopped meanwhile",
  async (out) => {
    const recipe = recipeOf((recipe) => {
      recipe.step("bad", faulty, { config: { how: "throw" } });
      recipe.step("worse", faulty, { config: { how: "port" } });
    });
    const { executor, arrive, letGo } = gate();
    const controller = new AbortController();
    const playing = play(recipe, { out, jobs: 2, executor, signal: controller.signal });
    await arrive("bad", "worse");
    letGo("worse");
    await arrive();
    controller.abort(new Error("stop"));
    letGo("bad");
    const { error, steps } = await playing;
    assert.match(error.message, /^step "worse" .* declares no output "other"/);
    assert.deepEqual(steps, ["failed", "failed"]);
  },
);

parallel("steps with the same key run once", async (out) => {
  const recipe = recipeOf((recipe) => {
    const one = recipe.step("one", numbers, { config: { count: 5 } });
    const other = recipe.step("other", numbers, { config: { count: 5 } });
    recipe.step("total", sum, { inputs: { parts: { one: one.data, other: other.data } } });
  });
  const { executor, started, arrive, letGo } = gate();
  const playing = play(recipe, { out, jobs: 2, executor });
  await arrive("one");
  letGo("one");
  await arrive("total");
  letGo("total");
  assert.deepEqual((await playing).steps, ["finished", "skipped", "finished"]);
  assert.deepEqual(started, ["one", "total"]);
});

parallel(
  "steps that need all cores, or more memory than available, run one after the other",
  async (out) => {
    const threaded = defineStage({
      ...climb,
      inspect: undefined,
      forecast: () => ({ memory: { numbers: 700 } }),
    });
    const silent = defineStage({ ...threaded, name: "silent", forecast: undefined });
    const most = async (threads: number, memory: number, second: typeof climb = threaded) => {
      const recipe = recipeOf((recipe) => {
        const { data } = recipe.step("raw", numbers, { config: { count: 1 } });
        for (const [seed, stage] of [threaded, second].entries()) {
          const config = { steps: 1, threads };
          recipe.step(`arm_${seed}`, stage, { config, inputs: { data }, seed });
        }
      });
      const folder = await Deno.makeTempDir({ dir: join(out, "..") });
      const { states, error } = await play(recipe, { out: folder, jobs: 2, memory });
      assert.equal(error, undefined);
      return mostAtOnce(states);
    };
    assert.equal(await most(1, 1400), 2);
    assert.equal(await most(1, 1399), 1);
    assert.equal(await most(1, 1400, silent), 2);
    assert.equal(await most(1, 1399, silent), 1, "what does not tell is taken to be as large");
    assert.equal(await most(0, 1400), 1);
    assert.equal(await most(navigator.hardwareConcurrency, 1400), 1);
  },
);

parallel("a damaged result is replaced in place while other steps run", async (out) => {
  const recipe = recipeOf((recipe) => {
    const one = recipe.step("one", numbers, { config: { count: 20 } });
    recipe.step("other", numbers, { config: { count: 30 } });
    recipe.step("low", clip, { config: { limit: 6 }, inputs: { data: one.data } });
  });
  await run(recipe, { out });
  // The numbers were removed, so low waits for them; its result is verified only then, and is damaged.
  const store = storeOf(out);
  for (const [key, { stage, outputs }] of store.readManifests()) {
    if (stage === "numbers") Deno.removeSync(join(store.root, "manifests", `${key}.json`));
    if (stage !== "clip") continue;
    Deno.chmodSync(store.objectPath(outputs.data.digest), 0o644);
    Deno.writeTextFileSync(store.objectPath(outputs.data.digest), "damaged");
  }
  const { executor, arrive, letGo } = gate();
  const playing = play(recipe, { out, jobs: 2, executor });
  await arrive("one", "other");
  letGo("one");
  await arrive("low");
  letGo("low");
  letGo("other");
  assert.equal((await playing).error, undefined);
  assert.ok(!listFolder(store.root).includes("damaged"));
  const { steps } = await verify(recipe, out);
  assert.deepEqual(steps.map(({ action }) => action), ["skip", "skip", "skip"]);
});
