import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadRecipe } from "../recipe/mod.ts";
import { selectSteps } from "./plan.ts";
import type { Recipe } from "../recipe/mod.ts";
import { run, type RunOptions } from "./run.ts";
import { workerExecutor } from "./worker.ts";

const urlOf = (name: string) => new URL(`../recipe/testdata/${name}.ts`, import.meta.url).href;

async function inWorkers(
  name: string,
  options: Partial<RunOptions> & { grace_ms?: number; step?: string },
  check: (outcome: { state?: Awaited<ReturnType<typeof run>>; error?: Error; out: string }) => void,
) {
  const folder = await Deno.makeTempDir();
  const out = join(folder, "out");
  try {
    const recipe: Recipe = await loadRecipe(urlOf(name));
    const executor = workerExecutor(urlOf(name), { grace_ms: options.grace_ms });
    const only = options.step === undefined ? undefined : selectSteps(recipe, options.step);
    const outcome = await run(recipe, { out, executor, only, ...options }).then(
      (state) => ({ state }),
      (error) => ({ error }),
    );
    check({ ...outcome, out });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("steps run in workers", () =>
  inWorkers("toy_recipe", {}, ({ state, out }) => {
    assert.deepEqual(state!.steps.map((step) => step.state), Array(4).fill("finished"));
    assert.deepEqual(state!.steps[0].metrics, { loss: 1 / 3, tokens_per_second: 100 });
    assert.equal(Deno.readTextFileSync(join(out, "toy/summary.txt")), "sum\nlow 55\nsmall 6\n");
  }));

for (
  const [how, message] of Object.entries({
    throw: /^step "throw" \(stage faulty\) failed: no data available$/,
    exit: /^step "exit" \(stage faulty\) failed: the stage tried to end the process/,
    reject: /^step "reject" \(stage faulty\) failed: .*nobody waited for this/,
  })
) {
  Deno.test(`a stage that ends by "${how}" is a failed step`, () =>
    inWorkers("faulty_recipe", { step: how }, ({ error }) => {
      assert.equal(error?.name, "StepFailed");
      assert.match(error!.message, message);
    }));
}

Deno.test("a stage that never returns to its event loop stops when asked to", async () => {
  const controller = new AbortController();
  const onEvent = ({ type }: { type: string }) =>
    type === "report" && controller.abort(new Error("stop"));
  await inWorkers("spin_recipe", { signal: controller.signal, onEvent }, ({ error, out }) => {
    assert.equal(error?.name, "Interrupted");
    const keys = [...Deno.readDirSync(join(out, "store/work"))];
    assert.equal(keys.length, 1, "its checkpoint is kept");
  });
});

Deno.test("a loop that waits for nothing and only looks at the signal stops when asked to", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const onEvent = ({ type }: { type: string }) =>
    type === "log" && controller.abort(new Error("stop"));
  await inWorkers("faulty_recipe", { step: "loop", signal, onEvent }, ({ error }) => {
    assert.equal(error?.message, "the run was asked to stop");
  });
});

Deno.test("a stage that does not stop is terminated after the grace period", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const onEvent = ({ type }: { type: string }) => {
    if (type === "log") controller.abort(new Error("stop"));
  };
  const options = { step: "hang", signal, onEvent, grace_ms: 100 };
  await inWorkers("faulty_recipe", options, ({ error }) => {
    assert.equal(error?.name, "Interrupted");
    assert.match(
      error!.message,
      /^step "hang" did not stop within 0.1 s and was terminated; .* last/,
    );
  });
});

Deno.test("a step that is still being loaded ends at once when asked to stop", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const onEvent = ({ type }: { type: string }) =>
    type === "step_started" && queueMicrotask(() => controller.abort(new Error("stop")));
  await inWorkers("faulty_recipe", { step: "hang", signal, onEvent }, ({ error }) => {
    assert.equal(error?.name, "Interrupted");
    assert.equal(error!.message, "the run was asked to stop");
  });
});

Deno.test("a checkpoint that cannot be written on a stop fails the step", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const types: string[] = [];
  const onEvent = ({ type }: { type: string }) => {
    types.push(type);
    if (type === "log") controller.abort(new Error("stop"));
  };
  await inWorkers("faulty_recipe", { step: "stop", signal, onEvent }, ({ error }) => {
    assert.equal(error?.name, "StepFailed");
    assert.match(error!.message, /^step "stop" \(stage faulty\) failed: .*usable file name/);
    assert.deepEqual(types.slice(-2), ["step_failed", "run_failed"]);
  });
});

Deno.test("a recipe whose data changed since it was planned is not run", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const url = pathToFileURL(join(folder, "recipe.ts")).href;
    const data = join(folder, "count.txt");
    Deno.writeTextFileSync(data, "2");
    const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    Deno.writeTextFileSync(
      join(folder, "recipe.ts"),
      `import { defineRecipe } from ${from("../recipe/mod.ts")};
      import { numbers } from ${from("../recipe/testdata/stages.ts")};
      const count = Number(Deno.readTextFileSync(${JSON.stringify(data)}));
      export default defineRecipe({ name: "r", description: "", seed: 0 }, (recipe) => {
        recipe.step("raw", numbers, { config: { count } });
      });`,
    );
    const recipe = await loadRecipe(url);
    Deno.writeTextFileSync(data, "3");
    await assert.rejects(
      run(recipe, { out: join(folder, "out"), executor: workerExecutor(url) }),
      /failed: the recipe or its data changed while the pipeline was running; start it again$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a recipe that does not load says why", async () => {
  await assert.rejects(loadRecipe(urlOf("absent")), /^Error: there is no recipe file .*absent.ts$/);
  await assert.rejects(loadRecipe(urlOf("stages")), /has no default export made by defineRecipe/);
});
