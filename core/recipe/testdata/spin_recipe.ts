import { defineRecipe } from "../../recipe/mod.ts";
import { spin } from "./stages.ts";

export default defineRecipe({ name: "spin", description: "Burns time.", seed: 0 }, (recipe) => {
  recipe.step("busy", spin, { config: { milliseconds: 3000 } });
});
