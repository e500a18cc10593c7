import assert from "node:assert/strict";
import { z } from "zod";
import { loadRecipe } from "@causeway/core/recipe";
import { recipeSchema, recipeSchemaText, type Schema } from "./make_recipe_schema.ts";

const committed = await Deno.readTextFile(new URL("recipe.schema.json", import.meta.url));
const schema: Schema = JSON.parse(committed);
const text = await Deno.readTextFile(new URL("../recipes/own_data.json", import.meta.url));
const stages = new URL("../recipes/stages.json", import.meta.url).href;

Deno.test("docs/recipe.schema.json is up to date (deno run -A docs/make_recipe_schema.ts)", async () => {
  assert.equal(committed, await recipeSchemaText());
  assert.deepEqual(schema, await recipeSchema());
});

/** zod reads JSON Schema, but no conditions: the steps are checked by what `if` would choose. */
function accepts({ steps = {}, ...recipe }: Recipe): boolean {
  const { $defs, properties, if: _if, then: _then, ...top } = schema;
  const check = (part: Schema, value: unknown) =>
    z.fromJSONSchema({ ...part, $defs } as never).safeParse(value).success;
  const { steps: of_steps, ...others } = properties!;
  const required = top.required!.filter((name) => name !== "steps");
  const names = Object.keys($defs!);
  const own = names.find((name) => name.includes(" "))!;
  assert.ok((of_steps.additionalProperties as Schema).allOf!.length === names.length - 1);
  return check({ ...top, required, properties: others }, recipe) &&
    Object.values(steps).every((step) => {
      const is_built_in = names.includes(step.stage) && step.stage !== "output";
      if (!is_built_in && recipe.stages === undefined) return false;
      return check({ $ref: `#/$defs/${is_built_in ? step.stage : own}` }, step);
    });
}

interface Recipe {
  stages?: Record<string, string>;
  // deno-lint-ignore no-explicit-any -- recipes that are wrong in any way
  steps?: Record<string, any>;
  [field: string]: unknown;
}

/** Whether the runner accepts it. */
async function loads(recipe: Recipe): Promise<boolean> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, JSON.stringify(recipe));
    return await loadRecipe(new URL(`file://${path}`).href, { stages }).then(
      () => true,
      () => false,
    );
  } finally {
    await Deno.remove(path);
  }
}

/** own_data.json, changed. */
function changed(change: (recipe: Recipe & Required<Pick<Recipe, "steps">>) => void): Recipe {
  const recipe = JSON.parse(text);
  change(recipe);
  return recipe;
}

const VALID: Record<string, Parameters<typeof changed>[0]> = {
  "unchanged": () => {},
  "a record in a list": ({ steps }) => steps.data.config.sources.general.push({ dataset: "code" }),
  "a seed, and no optional inputs": ({ steps }) => {
    steps.base.seed = 4;
    delete steps.base.inputs.validation;
    delete steps.report.inputs.samples;
  },
  "another variant of a union": ({ steps }) => {
    steps.data.config.sources.questions[0].records.path = { train: ["recipes/own_data.jsonl"] };
  },
};

const INVALID: Record<string, Parameters<typeof changed>[0]> = {
  "an unknown field": ({ steps }) => steps.tuned.config.lr = 1e-3,
  "an unknown nested field": ({ steps }) => steps.tuned.config.schedule.lr = 1e-3,
  "a wrong type": ({ steps }) => steps.tuned.config.epochs = "two",
  "a number out of bounds": ({ steps }) => steps.tuned.config.epochs = 0,
  "an unknown choice": ({ steps }) => steps.tuned.config.overlong = "keep",
  "a missing field": ({ steps }) => delete steps.tuned.config.sources,
  "a missing config": ({ steps }) => delete steps.data.config,
  "a missing input": ({ steps }) => delete steps.tuned.inputs.train,
  "an unknown input": ({ steps }) => steps.tuned.inputs.data = "data.train",
  "an output instead of a record": ({ steps }) => steps.tuned.inputs.train = "data.train",
  "no output": ({ steps }) => steps.tuned.inputs.checkpoint = "base",
  "a misspelt stage": ({ steps }) => steps.tuned.stage = "stf",
  "a misspelt part of a step": ({ steps }) => steps.tuned.input = {},
  "a misspelt part of the recipe": (recipe) => recipe.step = {},
  "no seed": (recipe) => delete recipe.seed,
  "a string instead of a list": (recipe) => recipe.publish = "report.report",
};

Deno.test("the schema and the runner accept and reject the same recipes", async () => {
  for (const [is_valid, changes] of [[true, VALID], [false, INVALID]] as const) {
    for (const [name, change] of Object.entries(changes)) {
      const recipe = changed(change);
      assert.deepEqual([accepts(recipe), await loads(recipe)], [is_valid, is_valid], name);
    }
  }
});

Deno.test("steps of custom stages are checked for the fields that all steps have", () => {
  const step = { stage: "mine", config: { anything: [1] }, inputs: { a: "data.train", b: {} } };
  const stages = { mine: "./mine.ts" };
  const own = (change: object) =>
    accepts({ ...JSON.parse(text), stages, steps: { mine: { ...step, ...change } } });
  assert.ok(own({}));
  assert.ok(!own({ inputs: { a: "data" } }));
  assert.ok(!own({ wiring: {} }));
});

Deno.test("fields have the descriptions of docs/stages.md", () => {
  const config = (stage: string) => schema.$defs![stage].properties!.config;
  assert.match(config("sft").properties!.epochs.description!, /^Passes over the examples/);
  const { sources } = config("tokenize").properties!;
  const entry = (sources.additionalProperties as Schema).items!;
  assert.match(entry.properties!.dataset.description!, /^Name of a dataset card/);
  const { optimizer } = config("pretrain").properties!;
  assert.match(optimizer.properties!.weight_decay.description!, /^Decoupled weight decay/);
});
