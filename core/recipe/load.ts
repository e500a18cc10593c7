/**
 * Loads recipes from modules, JSON and YAML files.
 *
 * @module
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkRecipe } from "./check.ts";
import { type RecipeDraft, RecipeError } from "./draft.ts";
import { readJsonRecipe } from "./json_recipe.ts";
import { applyOverrides } from "./overrides.ts";
import { explainFrozen } from "./packages.ts";
import type { Recipe, Step } from "./recipe.ts";
import { exists, readStageNames, type Renamed } from "./stage_modules.ts";

/** How a recipe is loaded. Plain data: a step's worker loads it in the same way. */
export interface LoadOptions {
  /** Puts every step that can run on a device on this one, whatever the recipe says. */
  readonly device?: string;
  /** Overrides, `PATH=VALUE`; see `applyOverrides`. */
  readonly set?: readonly string[];
  /** URL of a JSON file with the stages that JSON recipes may use by name; see `StageNames`. */
  readonly stages?: string;
}

/** File URL of a recipe given as a path. */
export function recipeUrl(path: string): string {
  return pathToFileURL(path).href;
}

/**
 * Loads a recipe: reads it, applies overrides, and checks it, each once.
 *
 * @param url file URL of a module whose default export is a recipe, or of a JSON or YAML file
 *   (docs/recipe.schema.json).
 * @throws {Error} in one sentence: no such file, it does not load, or it exports no recipe. Where the recipe has
 *   several problems, a RecipeError with a line for each.
 */
export async function loadRecipe(url: string, options: LoadOptions = {}): Promise<Recipe> {
  return await loadChecked(url, options, (draft) => draft);
}

/** Loads one step of a recipe, as `loadRecipe` does, but checks no other step; undefined when there is none of that id. */
export async function loadStep(
  url: string,
  options: LoadOptions,
  id: string,
): Promise<Step | undefined> {
  const { steps } = await loadChecked(url, options, (draft) => {
    const own = draft.steps.filter((step) => step.id === id);
    return own.length === 0 ? draft : { ...draft, steps: own };
  });
  return steps.find((step) => step.id === id);
}

async function loadChecked(
  url: string,
  { device, set = [], stages }: LoadOptions,
  select: (draft: RecipeDraft) => RecipeDraft,
): Promise<Recipe> {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  if (url.startsWith("file:") && !exists(url)) throw new Error(`there is no recipe file ${path}`);
  const names = await readStageNames(stages);
  const { renamed } = names;
  try {
    const draft = DATA.test(path)
      ? await readJsonRecipe(url, names)
      : await importRecipe(url, renamed);
    const changed = applyOverrides(draft, set, renamed);
    return await checkRecipe(select(changed), { device, renamed });
  } catch (error) {
    if (error instanceof RecipeError && error.problems.length > 1) {
      throw new RecipeError(`recipe ${path}`, error.problems);
    }
    const { message = String(error), cause } = error as Error;
    throw new Error(`recipe ${path} cannot be loaded: ${message}`, { cause: cause ?? error });
  }
}

/** Recipes that are data, and those that are modules. */
const DATA = /\.(json|ya?ml)$/i;
const MODULE = /\.[cm]?[jt]sx?$/i;

async function importRecipe(url: string, renamed: Renamed): Promise<RecipeDraft> {
  if (url.startsWith("file:") && !MODULE.test(url)) {
    throw new Error("unknown file type; recipes are .ts, .js, .json or .yaml files");
  }
  let recipe: Partial<RecipeDraft> | undefined;
  try {
    ({ default: recipe } = await import(url));
  } catch (error) {
    const unknown = explainFrozen((error as Error).message ?? "");
    if (unknown !== undefined) throw new Error(unknown, { cause: error });
    const name = missingName(error);
    if (name === undefined || !Object.hasOwn(renamed, name)) throw error;
    throw new Error(`stage "${name}" is now called "${renamed[name]}"`, { cause: error });
  }
  if (recipe?.kind === "recipe_draft") return recipe as RecipeDraft;
  throw new Error("it has no default export made by defineRecipe");
}

/** Name of the export or folder that an import did not find. */
function missingName(error: unknown): string | undefined {
  const { message = "" } = error as Partial<Error>;
  const [, name, folder] =
    /export named '(\w+)'|Module not found ".*\/(\w+)\/mod\.ts"/.exec(message) ?? [];
  return name ?? folder;
}
