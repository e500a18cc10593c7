/** A sound step, then one for each way of going wrong: run them one at a time. */
import { defineRecipe } from "../../../core/recipe/mod.ts";
import { misbehaving, sound, WAYS } from "./bad_stages.ts";

export default defineRecipe({ name: "bad", description: "Goes wrong.", seed: 0 }, (recipe) => {
  recipe.step("sound", sound, {});
  for (const how of WAYS) recipe.step(how, misbehaving, { config: { how } });
});
