import { defineRecipe } from "../../recipe/mod.ts";
import { faulty, numbers } from "./stages.ts";

const WAYS = [
  "throw",
  "exit",
  "reject",
  "unwritten",
  "port",
  "column",
  "hang",
  "loop",
  "stop",
] as const;

/** One step that works, then one for each way to fail: run them one at a time. */
export default defineRecipe({ name: "faulty", description: "Fails.", seed: 0 }, (recipe) => {
  recipe.step("good", numbers, { config: { count: 2 } });
  for (const how of WAYS) recipe.step(how, faulty, { config: { how } });
});
