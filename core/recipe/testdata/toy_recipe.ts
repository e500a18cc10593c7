import { defineRecipe } from "../../recipe/mod.ts";
import { clip, numbers, sum } from "./stages.ts";

/** Two sources, one of them clipped, added up. */
export default defineRecipe({ name: "toy", description: "Adds numbers up.", seed: 7 }, (recipe) => {
  const small = recipe.step("small", numbers, { config: { count: 3 } });
  const large = recipe.step("large", numbers, { config: { count: 5000 } });
  const low = recipe.step("low", clip, { config: { limit: 10 }, inputs: { data: large.data } });
  const total = recipe.step("total", sum, {
    inputs: { parts: { small: small.data, low: low.data } },
  });
  recipe.publish(total.report);
});
