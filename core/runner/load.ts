/**
 * Loads recipes from modules.
 *
 * @module
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Recipe, settle, withDevice } from "./recipe.ts";

/** File URL of a recipe given as a path. */
export function recipeUrl(path: string): string {
  return pathToFileURL(path).href;
}

/**
 * Imports a recipe module.
 *
 * @param url file URL of a module whose default export is a recipe.
 * @param device puts every step that can be on a device on this one, whatever the recipe says.
 * @throws {Error} one sentence: no such file, it does not load, or it exports no recipe.
 */
export async function loadRecipe(url: string, device?: string): Promise<Recipe> {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  let module: { default?: Partial<Recipe> };
  try {
    if (url.startsWith("file:")) Deno.statSync(path);
    module = await import(url);
    if (module.default?.pending) module = { default: await settle(module.default as Recipe) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`there is no recipe file ${path}`);
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`recipe ${path} cannot be loaded: ${message}`, { cause: error });
  }
  if (module.default?.kind !== "causeway_recipe") {
    throw new Error(`recipe ${path} has no default export made by defineRecipe`);
  }
  const recipe = module.default as Recipe;
  return device === undefined ? recipe : withDevice(recipe, device);
}
