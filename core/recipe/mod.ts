/**
 * Recipes: definition, checks, overrides, JSON files, loading.
 *
 * @module
 */
export { recipe_schema, step_schema } from "./json_recipe.ts";
export { type LoadOptions, loadRecipe, recipeUrl } from "./load.ts";
export { type Problem, RecipeError } from "./problems.ts";
export {
  defineRecipe,
  type Recipe,
  type RecipeBuilder,
  type RecipeHeader,
  settle,
  type Step,
  type StepOptions,
} from "./recipe.ts";
export { loadExport, loadStage } from "./stage_modules.ts";
export { type Ref, type Refs, type Wired, type Wiring } from "./wiring.ts";
