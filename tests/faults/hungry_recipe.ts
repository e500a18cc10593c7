/**
 * A task that finishes, and one that runs out of memory.
 *
 * @module
 */
import { z } from "zod";
import { defineRecipe } from "@causeway/core/recipe";
import { defineStage, table } from "@causeway/core/stage";

const numbers = table({ n: "int32" }, "numbers");

const one = defineStage({
  name: "one",
  version: "1",
  description: "Writes a number.",
  config: z.object({}),
  inputs: {},
  outputs: { data: numbers },
  async run({ outputs }) {
    await outputs.data.write({ n: Int32Array.of(1) });
  },
});

/** Allocates 200 MB, more than a process with a small heap has. */
const hungry = defineStage({
  name: "hungry",
  version: "1",
  description: "Allocates memory.",
  config: z.object({}),
  inputs: { data: numbers },
  outputs: { data: numbers },
  async run({ outputs }) {
    const held = Array.from({ length: 200 }, (_, i) => Array(125_000).fill(`${i}`));
    await outputs.data.write({ n: Int32Array.of(held.length) });
  },
});

const header = { name: "faults", description: "Allocates memory.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("one", one, { config: {} });
  recipe.step("hungry", hungry, { config: {}, inputs: { data: data.data } });
});
