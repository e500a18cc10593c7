/** A well-behaved task, then one for each kind of misbehaviour: run them one at a time. */
import { defineRecipe } from "@causeway/core/recipe";
import { misbehaving, WAYS, well_behaved } from "./bad_stages.ts";

export default defineRecipe({ name: "bad", description: "Misbehaves.", seed: 0 }, (recipe) => {
  recipe.step("well_behaved", well_behaved, {});
  for (const how of WAYS) recipe.step(how, misbehaving, { config: { how } });
});
