import { defineRecipe } from "../../recipe/mod.ts";
import { faulty, numbers } from "./stages.ts";

const WAYS = ["throw", "exit", "reject", "unwritten", "port", "column", "hang", "stop"] as const;

/** One sound step, then one step per way of going wrong: run them one at a time. */
export default defineRecipe({ name: "faulty", description: "Goes wrong.", seed: 0 }, (recipe) => {
  recipe.step("sound", numbers, { config: { count: 2 } });
  for (const how of WAYS) recipe.step(how, faulty, { config: { how } });
});
