import assert from "node:assert/strict";
import { type Artifact, artifactKey, type Manifest, MANIFEST_FORMAT } from "../store/mod.ts";
import type { Port } from "../stage/mod.ts";
import { type EarlierResults, identityOf, plan, selectSteps } from "./plan.ts";
import { checkRecipe, defineRecipe, mapWired, type Recipe } from "../recipe/mod.ts";
import { clip, numbers, sum } from "../recipe/testdata/stages.ts";

async function makeRecipe(
  options: { count?: number; limit?: number; seed?: number; labels?: string[] },
) {
  const { count = 3, limit = 10, seed = 1, labels = ["raw", "low"] } = options;
  const draft = defineRecipe({ name: "test", description: "", seed }, (recipe) => {
    const raw = recipe.step("raw", numbers, { config: { count } });
    const low = recipe.step("low", clip, { config: { limit }, inputs: { data: raw.data } });
    const parts = Object.fromEntries(labels.map((label, i) => [label, i ? low.data : raw.data]));
    recipe.step("total", sum, { inputs: { parts } });
  });
  return await checkRecipe(draft);
}

const NOTHING: EarlierResults = {
  manifests: new Map(),
  unusable: new Map(),
  last_keys: {},
  unfinished: new Set(),
};

/** The results of a recipe that has run; each output's digest is its step and port. */
function afterRun(recipe: Recipe): EarlierResults {
  const manifests = new Map<string, Manifest>();
  const last_keys: Record<string, string> = {};
  for (const step of recipe.steps) {
    const who = identityOf(step, mapWired(step.inputs, (ref) => `${ref.step}.${ref.output}`));
    const outputs = Object.fromEntries(
      Object.keys(step.stage.outputs).map((name): [string, Artifact] => {
        const digest = `${step.id}.${name}`;
        const { kind } = (step.stage.outputs as Record<string, Port>)[name];
        return [name, { kind, digest, rows: 1, bytes: 1 }];
      }),
    );
    last_keys[step.id] = artifactKey(who);
    manifests.set(last_keys[step.id], { ...who, format: MANIFEST_FORMAT, outputs });
  }
  return { ...NOTHING, manifests, last_keys };
}

const brief = (recipe: Recipe, earlier: EarlierResults, only?: ReadonlySet<string>) =>
  plan(recipe, earlier, only).map(({ id, action, reasons }) =>
    `${id} ${action}: ${reasons.join(", ")}`
  );

Deno.test("everything runs the first time, nothing the second", async () => {
  const recipe = await makeRecipe({});
  assert.deepEqual(brief(recipe, NOTHING), [
    "raw run: no earlier result",
    "low run: no earlier result",
    "total run: no earlier result",
  ]);
  assert.deepEqual(brief(recipe, afterRun(recipe)), [
    "raw skip: up to date",
    "low skip: up to date",
    "total skip: up to date",
  ]);
});

Deno.test("a changed config runs the step and what depends on it, with reasons", async () => {
  const earlier = afterRun(await makeRecipe({}));
  assert.deepEqual(brief(await makeRecipe({ limit: 5 }), earlier), [
    "raw skip: up to date",
    "low run: config.limit changed 10 -> 5",
    "total run: runs because low runs",
  ]);
  assert.deepEqual(brief(await makeRecipe({ limit: 5, count: 4 }), earlier), [
    "raw run: config.count changed 3 -> 4",
    "low run: config.limit changed 10 -> 5, runs because raw runs",
    "total run: runs because low runs, runs because raw runs",
  ]);
  assert.match(brief(await makeRecipe({ seed: 2 }), earlier)[0], /seed changed 1 -> 2/);
});

Deno.test("a changed version, label or wiring is named", async () => {
  const recipe = await makeRecipe({});
  const earlier = afterRun(recipe);
  const newer = {
    ...recipe,
    steps: recipe.steps.map((step) =>
      step.id === "raw" ? { ...step, stage: { ...step.stage, version: "2" } } : step
    ),
  };
  assert.equal(brief(newer, earlier)[0], "raw run: stage version 1 -> 2");
  assert.equal(
    brief(await makeRecipe({ labels: ["raw", "small"] }), earlier)[2],
    "total run: input parts.low was removed, input parts.small is new",
  );
});

Deno.test("damaged, missing and interrupted results are given as reasons", async () => {
  const recipe = await makeRecipe({});
  const earlier = afterRun(recipe);
  const key = earlier.last_keys.low;
  const unusable = new Map([[key, "artifact damaged"]]);
  assert.deepEqual(brief(recipe, { ...earlier, unusable }), [
    "raw skip: up to date",
    "low run: artifact damaged",
    "total run: runs because low runs",
  ]);
  const manifests = new Map([...earlier.manifests].filter(([other]) => other !== key));
  const unfinished = new Set([key]);
  assert.equal(
    brief(recipe, { ...earlier, manifests, unfinished })[1],
    "low run: its last result was removed, interrupted, resumes from its checkpoint",
  );
});

Deno.test("a result with other outputs than the stage declares is not used", async () => {
  const recipe = await makeRecipe({});
  const earlier = afterRun(recipe);
  const key = earlier.last_keys.raw;
  const manifest = earlier.manifests.get(key)!;
  const { data } = manifest.outputs;
  const reasonFor = (outputs: Manifest["outputs"]) => {
    const manifests = new Map([...earlier.manifests, [key, { ...manifest, outputs }]]);
    return brief(recipe, { ...earlier, manifests })[0];
  };
  const raise = "raise the stage's version";
  assert.equal(reasonFor({}), `raw run: its outputs changed (data is new); ${raise}`);
  assert.equal(
    reasonFor({ data, old: data }),
    `raw run: its outputs changed (old was removed); ${raise}`,
  );
  assert.equal(
    reasonFor({ data: { ...data, kind: "files" } }),
    `raw run: its outputs changed (data changed files -> table); ${raise}`,
  );
});

Deno.test("results of an earlier config are used again", async () => {
  const earlier = afterRun(await makeRecipe({}));
  const last_keys = { ...earlier.last_keys, low: "another" };
  assert.equal(
    brief(await makeRecipe({}), { ...earlier, last_keys })[1],
    "low skip: made by an earlier run",
  );
});

Deno.test("a selection by id or stage includes the steps it reads", async () => {
  const recipe = await makeRecipe({});
  assert.deepEqual([...selectSteps(recipe, "low")].sort(), ["low", "raw"]);
  assert.deepEqual([...selectSteps(recipe, "numbers")], ["raw"]);
  assert.deepEqual(brief(recipe, NOTHING, selectSteps(recipe, "raw")), [
    "raw run: no earlier result",
  ]);
  assert.throws(
    () => selectSteps(recipe, "lo"),
    /no step or stage "lo"; its steps: raw, low, total/,
  );
  assert.throws(
    () => selectSteps(recipe, "count_up", { count_up: "numbers" }),
    /^TypeError: stage "count_up" is now called "numbers"$/,
  );
});
