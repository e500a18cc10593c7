import assert from "node:assert/strict";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { defineStage } from "../stage/mod.ts";
import { applyOverrides } from "./overrides.ts";
import { checkRecipe } from "./check.ts";
import { defineRecipe, type StepOptions } from "./recipe.ts";
import { number_table, numbers } from "./testdata/stages.ts";

const config = z.strictObject({
  sources: z.array(z.strictObject({ name: z.string(), bytes: z.int().positive().optional() }))
    .default([]),
  mixture: z.record(z.string(), z.number()).default({}),
  schedule: z.strictObject({ peak_lr: z.number().positive().default(1) }).prefault({}),
  model: z.union([z.enum(["mini", "nano"]), z.strictObject({ width: z.int() })]).default("mini"),
  rate: z.number().transform((rate) => rate * 2).optional(),
});

type Config = z.output<typeof config>;

const stageWith = <S extends StandardSchemaV1>(name: string, config: S) =>
  defineStage({
    name,
    version: "1",
    description: "",
    config,
    inputs: {},
    outputs: { data: number_table },
    run: () => Promise.resolve(),
  });

const trained = stageWith("trained", config);

const recipeWith = (options: StepOptions<typeof config, Record<never, never>>) =>
  defineRecipe({ name: "test", description: "", seed: 3 }, (recipe) => {
    recipe.step("a", trained, options);
    recipe.step("a.b", trained, { config: { mixture: { "x.y": 1 } }, seed: 5 });
    recipe.step("count", numbers, { config: { count: 2 } });
  });

const GIVEN = { config: { sources: [{ name: "one" }, { name: "two" }] } };

/** The recipe with overrides, and the same as if it were written so. */
const loaded = (...set: string[]) => checkRecipe(applyOverrides(recipeWith(GIVEN), set));

const refused = (set: string[], ...messages: string[]) =>
  assert.rejects(loaded(...set), (error: Error) => {
    const lines = error.message.split("\n").map((line) => line.trim());
    assert.deepEqual(messages.length === 1 ? lines : lines.slice(1), messages);
    return true;
  });

Deno.test("an overridden recipe is the recipe written that way", async () => {
  const recipe = await loaded(
    "a.schedule.peak_lr=5e-4",
    "a.sources.1.bytes=10",
    "a.sources.2.name=three",
    "a.rate=4",
    "a.mixture.code=0.25",
    'a.model={"width":8}',
    "seed=7",
  );
  const written = recipeWith({
    config: {
      sources: [{ name: "one" }, { name: "two", bytes: 10 }, { name: "three" }],
      schedule: { peak_lr: 5e-4 },
      mixture: { code: 0.25 },
      model: { width: 8 },
      rate: 4,
    },
  });
  assert.deepEqual(recipe.steps[0].config, (await checkRecipe(written)).steps[0].config);
  assert.equal((recipe.steps[0].config as { rate: number }).rate, 8); // transforms run once
  assert.deepEqual(recipe.steps.map(({ seed }) => seed), [7, 5, 7]);
  assert.equal(recipe.seed, 7);
});

Deno.test("each config is validated once, and the draft stays as it was", async () => {
  let checks = 0;
  const counted = stageWith(
    "counted",
    z.object({ x: z.int() }).transform((given) => (checks++, given)),
  );
  const recipe = defineRecipe({ name: "test", description: "", seed: 3 }, (recipe) => {
    recipe.step("kept", counted, { config: { x: 1 } });
    recipe.step("changed", counted, { config: { x: 1 } });
  });
  assert.equal(checks, 0);
  const changed = await checkRecipe(applyOverrides(recipe, ["changed.x=2"]));
  assert.deepEqual(changed.steps.map(({ config }) => config), [{ x: 1 }, { x: 2 }]);
  assert.deepEqual(recipe.steps.map(({ config }) => config), [{ x: 1 }, { x: 1 }]);
  assert.equal(checks, 2);
  assert.equal(await checkRecipe(changed), changed);
});

Deno.test("names may contain dots, a stage means all its steps, and the last override wins", async () => {
  const { steps } = await loaded(
    "a.b.mixture.x.y=2",
    "stage:trained.schedule.peak_lr=3",
    "a.schedule.peak_lr=4",
    "a.schedule.peak_lr=5",
  );
  const [a, b] = steps.map(({ config }) => config as Config);
  assert.deepEqual(b.mixture, { "x.y": 2 });
  assert.deepEqual([a.schedule.peak_lr, b.schedule.peak_lr], [5, 3]);
});

Deno.test("a value is JSON, or else a string", async () => {
  const names = await loaded("a.sources.0.name=plain words", 'a.sources.1.name="12"');
  const { sources } = names.steps[0].config as Config;
  assert.deepEqual(sources.map(({ name }) => name), ["plain words", "12"]);
});

Deno.test("an invalid path lists the valid names", async () => {
  const others = "seed sets the recipe's seed, stage:NAME all steps of a stage";
  await refused(
    ["b.x=1"],
    `--set b.x=1: there is no step "b"; the steps are a, a.b, count; ${others}`,
  );
  await refused(
    ["stage:sft.x=1"],
    '--set stage:sft.x=1: no step uses a stage "sft"; the stages are trained, numbers',
  );
  const fields = "its fields are sources, mixture, schedule, model, rate";
  await refused(
    ["a.lr=1"],
    `--set a.lr=1: step "a" (stage trained): config has no field "lr"; ${fields}`,
  );
  await refused(["a=1"], `--set a=1: name a field of step "a" (stage trained); ${fields}`);
  await refused(
    ["a.schedule.lr=1"],
    '--set a.schedule.lr=1: step "a" (stage trained): config.schedule has no field "lr"; its fields are peak_lr',
  );
  await refused(
    ["a.sources.5.name=x"],
    '--set a.sources.5.name=x: step "a" (stage trained): config.sources is a list: use an index ' +
      'from 0 to 1, or 2 to add an entry, not "5"',
  );
  // A field that this stage's schema would silently drop.
  await refused(
    ["count.more=1"],
    '--set count.more=1: step "count" (stage numbers): config has no field "more"; its fields are count, factor',
  );
  await refused(["a.x"], "--set a.x: write a path and a value, as in sft.epochs=2");
  await refused(["seed=x"], 'recipe "test": seed must be an integer >= 0, got x');
  await refused(
    ["count.count.x=1"],
    '--set count.count.x=1: step "count" (stage numbers): config.count is 2, which has no fields; replace it',
  );
});

Deno.test("an invalid value names its override and the allowed values; all are reported together", async () => {
  await refused(
    ["a.schedule.peak_lr=fast", "count.count=0", "a.model=[]", "a.nothing=1"],
    '--set a.nothing=1: step "a" (stage trained): config has no field "nothing"; ' +
      "its fields are sources, mixture, schedule, model, rate",
    'step "a" (stage trained): config.schedule.peak_lr must be a number > 0, got "fast" ' +
      "(--set a.schedule.peak_lr=fast)",
    'step "a" (stage trained): config.model must be "mini", "nano" or an object, got a list ' +
      "(--set a.model=[])",
    'step "count" (stage numbers): config.count must be an integer > 0, got 0 ' +
      "(--set count.count=0)",
  );
});

Deno.test("fields of a schema without JSON Schema are left to its own check", async () => {
  const own = {
    "~standard": {
      version: 1 as const,
      vendor: "own",
      validate: (value: unknown) =>
        (value as { deep?: { size?: number } }).deep?.size === 3
          ? { value }
          : { issues: [{ message: "must be 3", path: ["deep", { key: "size" }] }] },
    },
  };
  const odd = stageWith("odd", own);
  const recipe = defineRecipe({ name: "test", description: "", seed: 3 }, (recipe) => {
    recipe.step("odd", odd, { config: { deep: { size: 3 } } });
  });
  await assert.rejects(
    checkRecipe(applyOverrides(recipe, ["odd.deep.size=4"])),
    /^TypeError: step "odd" \(stage odd\): config\.deep\.size must be 3 \(--set odd\.deep\.size=4\)$/,
  );
});

Deno.test("special keys of JavaScript are refused", async () => {
  await assert.rejects(loaded("a.mixture.__proto__=1"), /config.mixture has no field "__proto__"/);
  await assert.rejects(loaded("a.constructor=1"), /config has no field "constructor"/);
  for (const name of ["constructor", "toString"]) {
    await assert.rejects(
      loaded(`a.mixture.${name}=1`),
      new RegExp(`config.mixture: the name "${name}" has a meaning in JavaScript`),
    );
  }
});
