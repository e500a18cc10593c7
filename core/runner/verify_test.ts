import assert from "node:assert/strict";
import { withFolder } from "../../tests/shared/commands.ts";
import { defineRecipe } from "../recipe/mod.ts";
import { numbers, sum } from "../recipe/testdata/stages.ts";
import type { RunState } from "../runs/mod.ts";
import type { Verification } from "../store/mod.ts";
import { run, type RunOptions } from "./run.ts";
import { storeOf, verifiedFiles, verify } from "./verify.ts";

const recipe = defineRecipe({ name: "test", description: "", seed: 1 }, (recipe) => {
  const raw = recipe.step("raw", numbers, { config: { count: 50 } });
  const inputs = { parts: { a: raw.data } };
  recipe.publish(recipe.step("total", sum, { config: { title: "sums" }, inputs }).report);
});

/** Runs the recipe; returns what became of each step, and how results were verified before. */
async function runIn(out: string, options: Partial<RunOptions> = {}) {
  let verification: Verification | undefined;
  const { steps }: RunState = await run(recipe, {
    ...options,
    out,
    onEvent: (event) => {
      if (event.type === "run_started") verification = event.verification;
    },
  });
  return [steps.map(({ state }) => state).join(), verification] as const;
}

const verified = (results: number, hashed: number, bytes = 0) => ({ results, hashed, bytes });

Deno.test("a run hashes results once, then only what changed, or all when asked to", () =>
  withFolder(async (out) => {
    assert.deepEqual(await runIn(out), ["finished,finished", verified(0, 0)]);
    // Files of the last two seconds are hashed by every run; an hour later they are remembered.
    const [steps, first] = await runIn(out);
    assert.equal(steps, "skipped,skipped");
    const { bytes } = first!;
    assert.ok(bytes > 0);
    assert.deepEqual(first, verified(2, 2, bytes));
    const now = () => Date.now() + 3_600_000;
    const files = verifiedFiles(out, { full: true, remember: true, now });
    const { verification, earlier } = await verify(recipe, out, { files });
    assert.deepEqual(verification, verified(2, 2, bytes));
    assert.deepEqual(await runIn(out), ["skipped,skipped", verified(2, 0)]);
    assert.deepEqual(await runIn(out, { verify: true }), [
      "skipped,skipped",
      verified(2, 2, bytes),
    ]);

    const { outputs } = [...earlier.manifests.values()].find(({ stage }) => stage === "numbers")!;
    const path = storeOf(out).objectPath(outputs.data.digest);
    Deno.chmodSync(path, 0o644);
    Deno.utimeSync(path, 0, 1_700_000_000);
    Deno.writeTextFileSync(path, "x", { append: true });
    const [again, { hashed }] = await runIn(out) as [string, Verification];
    assert.deepEqual([again, hashed], ["finished,skipped", 1]);
  }));
