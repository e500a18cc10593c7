/**
 * Loads recipes from modules and JSON files.
 *
 * @module
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Draft } from "./draft.ts";
import { readJsonRecipe } from "./json_recipe.ts";
import { applyOverrides } from "./overrides.ts";
import { RecipeError } from "./problems.ts";
import { type Recipe, recipeOf, settle } from "./recipe.ts";

/** How a recipe is loaded. Plain data: a step's worker loads it in the same way. */
export interface LoadOptions {
  /** Puts every step that can be on a device on this one, whatever the recipe says. */
  readonly device?: string;
  /** Overrides, `PATH=VALUE`; see `applyOverrides`. */
  readonly set?: readonly string[];
  /** URL of a JSON file with the stages that JSON recipes may use by name. */
  readonly stages?: string;
}

/** File URL of a recipe given as a path. */
export function recipeUrl(path: string): string {
  return pathToFileURL(path).href;
}

/**
 * Loads a recipe.
 *
 * @param url file URL of a module whose default export is a recipe, or of a JSON file (docs/recipe.schema.json).
 * @throws {Error} in one sentence: no such file, it does not load, or it exports no recipe. Or with a line for
 *   each problem of the recipe; `cause` is a RecipeError then.
 */
export async function loadRecipe(url: string, options: LoadOptions = {}): Promise<Recipe> {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  const { device, set = [], stages } = options;
  if (url.startsWith("file:") && !isFile(path)) throw new Error(`there is no recipe file ${path}`);
  try {
    const found = await (path.endsWith(".json") ? readJsonRecipe(url, stages) : importRecipe(url));
    if (found && "kind" in found && device === undefined && set.length === 0) {
      return await settle(found);
    }
    const draft = found && "kind" in found ? found.given : found;
    if (draft) return await recipeOf(applyOverrides(draft, set), device);
  } catch (error) {
    throw explain(error, path);
  }
  throw new Error(`recipe ${path} has no default export made by defineRecipe`);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The recipe; or what it was given as, if it has problems, which overrides may mend; or nothing of the kind. */
async function importRecipe(url: string): Promise<Recipe | Draft | undefined> {
  try {
    const { default: recipe } = await import(url) as { default?: Partial<Recipe> };
    return recipe?.kind === "causeway_recipe" ? recipe as Recipe : undefined;
  } catch (error) {
    // Problems of another recipe, which this one imports, would be mended in vain.
    const own = error instanceof RecipeError && error.stack?.includes(url);
    if (own && error.draft) return error.draft;
    throw error;
  }
}

function explain(error: unknown, path: string): Error {
  if (error instanceof RecipeError && error.problems.length > 1) {
    return new RecipeError(`recipe ${path}`, error.problems);
  }
  const { message = String(error), cause } = error as Error;
  return new Error(`recipe ${path} cannot be loaded: ${message}`, { cause: cause ?? error });
}
