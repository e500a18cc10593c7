/**
 * What the suite asks of a config schema.
 *
 * @module
 */
import assert from "node:assert/strict";
import { checkRecipe } from "../../core/recipe/mod.ts";
import type { AnyStage } from "../../core/stage/mod.ts";
import { canonicalJson } from "../../core/store/mod.ts";
import { type AnyCase, recipeOf } from "./bench.ts";

/** Validates a config as a recipe does, on the inputs of a case. */
async function checkedConfig(stage: AnyStage, given: AnyCase, config: unknown): Promise<object> {
  const recipe = await checkRecipe(recipeOf(stage, { ...given, config }));
  return recipe.steps.at(-1)!.config as object;
}

/** The config passes, is plain JSON data, and passes again in the form in which it is stored. */
export async function assertConfig(stage: AnyStage, given: AnyCase): Promise<void> {
  const filled = await checkedConfig(stage, given, given.config);
  assert.deepEqual(JSON.parse(canonicalJson(filled)), filled);
  assert.deepEqual(await checkedConfig(stage, given, filled), filled);
}

/** What no field of a config can sensibly be. */
const WRONG = [{ "no such value": [null] }];

/** An unknown field is refused, and each field that has a value is when that is of another type. */
export async function assertRefusals(stage: AnyStage, given: AnyCase): Promise<void> {
  const filled = await checkedConfig(stage, given, given.config);
  const refuses = async (config: unknown, field: string) => {
    const naming = new RegExp(`stage ${stage.name}\\b[^]*${field}`);
    await assert.rejects(async () => await checkedConfig(stage, given, config), naming);
  };
  await refuses(WRONG, "config");
  await refuses({ ...filled, no_such_field: 1 }, "no_such_field");
  for (const field of Object.keys(filled)) {
    await refuses({ ...filled, [field]: WRONG }, field);
  }
}
