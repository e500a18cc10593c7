import { defineRecipe } from "../../recipe/mod.ts";
import { climb, numbers, sum } from "./stages.ts";

/** One source, two independent arms of one thread each, and their sum. */
export default defineRecipe({ name: "arms", description: "Climbs twice.", seed: 3 }, (recipe) => {
  const raw = recipe.step("raw", numbers, { config: { count: 7 } });
  const inputs = { data: raw.data };
  const left = recipe.step("left", climb, { config: { steps: 300 }, inputs, seed: 1 });
  const right = recipe.step("right", climb, { config: { steps: 260 }, inputs, seed: 2 });
  const total = recipe.step("total", sum, {
    inputs: { parts: { left: left.data, right: right.data } },
  });
  recipe.publish(total.report);
});
