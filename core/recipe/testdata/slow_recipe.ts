import { defineRecipe } from "../../recipe/mod.ts";
import { spin } from "./stages.ts";

/** Reports only every 0.4 s. */
export default defineRecipe({ name: "slow", description: "Burns time.", seed: 0 }, (recipe) => {
  recipe.step("busy", spin, { config: { milliseconds: 4000, slice: 400 } });
});
