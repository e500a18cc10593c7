/**
 * Flags that say which recipe is meant, and what is different about it: the same for every command.
 *
 * @module
 */
import { resolve } from "node:path";
import { type LoadOptions, RecipeError, recipeUrl } from "../../recipe/mod.ts";
import { UsageError } from "./console.ts";
import { explain } from "./explain.ts";

/** Flags that take a value. `set` may be repeated. */
export const RECIPE_FLAGS = ["recipe", "out", "device", "set", "data-root"] as const;

/** Stages that a JSON recipe may use by name: a file of the same form as its field "stages". */
const STAGES = new URL("../../../recipes/stages.json", import.meta.url).href;

interface RecipeFlags {
  readonly recipe: string;
  readonly device?: string;
  readonly set: readonly string[];
}

/**
 * Where the recipe is, and how it is to be loaded.
 *
 * @throws {UsageError} when `--set` has no value.
 */
export function recipeOf(flags: RecipeFlags): { url: string; load: LoadOptions } {
  const { recipe, device, set } = flags;
  const wrong = set.find((text) => !/^[^=]+=/.test(text));
  if (wrong !== undefined) {
    throw new UsageError(
      `--set ${wrong || "needs a value; it"} takes PATH=VALUE, as in --set sft.epochs=2`,
    );
  }
  return { url: recipeUrl(resolve(recipe)), load: { device, set, stages: STAGES } };
}

/** As `explain`, with a line for each problem of a recipe. */
export function explainAll(error: unknown, doing?: string): string {
  const has_lines = error instanceof RecipeError && error.problems.length > 1;
  return has_lines ? error.message : explain(error, doing);
}
