import assert from "node:assert/strict";
import type { Recipe } from "../recipe/mod.ts";
import { checkRanks } from "./group.ts";

const step = (id: string, parallel: boolean, config: unknown) => ({
  id,
  stage: { parallel: parallel || undefined },
  config,
});

Deno.test("what several processes cannot train is refused before anything runs", () => {
  const steps = [
    step("trunk", true, { global_batch_size: 16 }),
    step("branch", true, {}),
    step("tuned", true, { global_batch_size: 2 }),
    step("alone", false, { global_batch_size: 1 }),
  ];
  const recipe = { steps } as unknown as Recipe;
  checkRanks(recipe, 2);
  assert.throws(() => checkRanks(recipe, 3), {
    message: "each of 3 processes needs a sequence of every batch, but global_batch_size of step " +
      '"tuned" is 2; raise it, or start at most 2 processes',
  });
  const on_gpu = { steps: [...steps, step("fast", true, { device: "webgpu" })] };
  assert.throws(() => checkRanks(on_gpu as unknown as Recipe, 2), {
    message: "several processes can train only on the CPU, and the recipe has step " +
      '"fast" on webgpu; start one process',
  });
});
