/**
 * Plugins that misbehave: each fails with an error that names it, and finished tasks stay finished.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadRecipe } from "@causeway/core/recipe";
import { run, selectSteps, workerExecutor } from "@causeway/core/runner";
import { type RunEvent } from "@causeway/core/runs";
import { Store } from "@causeway/core/store";
import { WAYS, well_behaved } from "./testdata/bad_stages.ts";

type Way = typeof WAYS[number];

const recipe_url = new URL("./testdata/bad_recipe.ts", import.meta.url).href;
const PLUGIN = "bad_stages.ts";

/** Message of each failure; hanging ends as an interruption instead. */
const MESSAGES: Record<Exclude<Way, "hang" | "spin">, RegExp> = {
  throw: /no data found/,
  throw_nothing: /null/,
  reject: /not awaited/,
  exit: /tried to end the process; throw an error instead/,
  process_exit: /tried to end the process; throw an error instead/,
  close: /tried to end the process; throw an error instead/,
  unwritten: /output "data" was never written/,
  undeclared_output: /stage misbehaving declares no output "more"; its outputs are data/,
  missing_column: /output "data": .*name/,
  extra_column: /output "data": .*colour/,
  wrong_type: /output "data": .*"n".*int32/,
  unequal_columns: /output "data": .*rows/,
  nan: /output "data": column "share" has NaN in row 1; .* declare the column nullable<float64>/,
};

/** Calls a function with an output folder in which the well-behaved task has finished. */
async function withFinishedStep(use: (out: string) => Promise<void>): Promise<void> {
  const out = await Deno.makeTempDir();
  try {
    await runStep(out, "well_behaved");
    await use(out);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

async function runStep(
  out: string,
  id: string,
  { signal, onLog, grace_ms }: { signal?: AbortSignal; onLog?: () => void; grace_ms?: number } = {},
) {
  const recipe = await loadRecipe(recipe_url);
  const only = selectSteps(recipe, id);
  const onEvent = (event: RunEvent) =>
    event.type === "log" && event.message === "started" && onLog?.();
  const executor = workerExecutor(recipe_url, { grace_ms });
  return await run(recipe, { out, only, signal, onEvent, executor });
}

/** One finished task, no temporary files, and the well-behaved task does not run again. */
async function assertSafe(out: string): Promise<void> {
  const store = new Store(join(out, "store"));
  const manifests = [...store.readManifests().values()];
  assert.deepEqual(manifests.map(({ stage }) => stage), ["well_behaved"]);
  assert.deepEqual(await store.verify(manifests[0].outputs.data), []);
  assert.deepEqual((await runStep(out, "well_behaved")).steps[0].state, "skipped");
  assert.deepEqual([...Deno.readDirSync(join(store.root, "tmp"))], []);
}

for (const [how, message] of Object.entries(MESSAGES)) {
  Deno.test(`a plugin that misbehaves by "${how}" is named and harms nothing else`, () =>
    withFinishedStep(async (out) => {
      await assert.rejects(runStep(out, how), (error: Error) => {
        assert.equal(error.name, "StepFailed");
        assert.match(error.message, /^step "\w+" \(stage misbehaving\b.*\) failed: /);
        assert.match(error.message, message);
        assert.match(error.message, new RegExp(`plugin .*${PLUGIN}`));
        return true;
      });
      await assertSafe(out);
    }));
}

for (const how of ["hang", "spin"] as const) {
  Deno.test(`a plugin that does not stop ("${how}") is terminated after the grace period`, () =>
    withFinishedStep(async (out) => {
      const controller = new AbortController();
      const onLog = () => controller.abort(new Error("stop"));
      const stopped = runStep(out, how, { signal: controller.signal, onLog, grace_ms: 200 });
      await assert.rejects(stopped, {
        name: "Interrupted",
        message: new RegExp(`^step "${how}" did not stop within 0.2 s and was terminated`),
      });
      await assertSafe(out);
    }));
}

/** Loads a recipe from its text. */
async function load(lines: string): Promise<unknown> {
  const folder = await Deno.makeTempDir();
  try {
    const core = new URL("../../core/", import.meta.url).href;
    const stages = new URL("./testdata/bad_stages.ts", import.meta.url).href;
    const path = join(folder, "recipe.ts");
    const text = `import { defineRecipe } from "${core}recipe/mod.ts";
      import * as plugin from "${stages}";
      ${lines}`;
    await Deno.writeTextFile(path, text);
    return await loadRecipe(pathToFileURL(path).href);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const header = '{ name: "r", description: "", seed: 0 }';

Deno.test("a plugin built for another interface is refused when the recipe is loaded", async () => {
  const recipe = `const future = { ...plugin.well_behaved, interface: 99 };
    export default defineRecipe(${header}, (r) => void r.step("a", future, {}));`;
  await assert.rejects(
    load(recipe),
    /step "a".*"well_behaved".*interface 99, this program has 1; use defineStage/,
  );
});

Deno.test("a missing export is refused when the recipe is loaded", async () => {
  const recipe =
    `export default defineRecipe(${header}, (r) => void r.step("a", plugin.missing, {}));`;
  await assert.rejects(load(recipe), /step "a".*is not an object; export what defineStage returns/);
  const stages = new URL("./testdata/bad_stages.ts", import.meta.url).href;
  await assert.rejects(
    load(`import { missing } from "${stages}"; export default missing;`),
    /bad_stages\.ts.*does not provide an export named 'missing'/,
  );
});

Deno.test("two versions of one plugin in a recipe are refused", async () => {
  assert.equal(well_behaved.version, "1");
  const recipe = `const newer = { ...plugin.well_behaved, version: "2" };
    export default defineRecipe(${header}, (r) => {
      r.step("a", plugin.well_behaved, {});
      r.step("b", newer, {});
    });`;
  await assert.rejects(load(recipe), /"a".*"b".*two different stages named "well_behaved"/);
});

Deno.test("a plugin whose module throws is refused when the recipe is loaded", async () => {
  const broken = `data:text/typescript,${encodeURIComponent('throw new Error("no licence");')}`;
  const recipe = `import "${broken}"; export default plugin.well_behaved;`;
  await assert.rejects(load(recipe), /^Error: recipe .*recipe\.ts cannot be loaded: no licence$/);
});
