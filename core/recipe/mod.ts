/**
 * Recipes: definition, checks, overrides, JSON files, loading.
 *
 * @module
 */
export { checkRecipe } from "./check.ts";
export { type Problem, type RecipeDraft, RecipeError, type RecipeHeader } from "./draft.ts";
export { recipe_schema, step_schema } from "./json_recipe.ts";
export { type LoadOptions, loadRecipe, loadStep, recipeUrl } from "./load.ts";
export {
  defineRecipe,
  type Recipe,
  type RecipeBuilder,
  type Step,
  type StepOptions,
} from "./recipe.ts";
export { loadExport, loadStage, readStageNames } from "./stage_modules.ts";
export { mapWired, type Ref, type Refs, upstream, type Wired, type Wiring } from "./wiring.ts";
