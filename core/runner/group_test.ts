import assert from "node:assert/strict";
import type { Recipe } from "../recipe/mod.ts";
import { checkBatches } from "./group.ts";

const step = (id: string, parallel: boolean, config: unknown) => ({
  id,
  stage: { parallel: parallel || undefined },
  config,
});

Deno.test("batches with fewer sequences than there are processes are refused before anything runs", () => {
  const steps = [
    step("trunk", true, { global_batch_size: 16 }),
    step("branch", true, {}),
    step("tuned", true, { global_batch_size: 2 }),
    step("alone", false, { global_batch_size: 1 }),
  ];
  const recipe = { steps } as unknown as Recipe;
  checkBatches(recipe, 2);
  assert.throws(() => checkBatches(recipe, 3), {
    message: "each of 3 processes needs a sequence of every batch, but global_batch_size of step " +
      '"tuned" is 2; raise it, or start at most 2 processes',
  });
});
