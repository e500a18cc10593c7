/**
 * Live output of training: text samples, and the tokens of each source.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { checkRecipe, defineRecipe, loadRecipe } from "@causeway/core/recipe";
import { LogReader, type RunEvent } from "@causeway/core/runs";
import { run, workerExecutor } from "@causeway/core/runner";

const RECIPE = new URL("shared/tiny_recipe.ts", import.meta.url).href;
const SAMPLES = { prompts: ["What is", "Question: 3"], max_new_tokens: 6, temperature: 1 };

async function runWith(folder: string, name: string, samples?: typeof SAMPLES) {
  const out = join(folder, name);
  const executor = workerExecutor(RECIPE);
  const { id } = await run({ ...await loadRecipe(RECIPE), samples }, { out, executor });
  const events: RunEvent[] = [];
  for await (const event of LogReader.events(join(out, "runs", id, "events.jsonl"))) {
    events.push(event);
  }
  return { lock: JSON.parse(Deno.readTextFileSync(join(out, "lock.json"))), events };
}

Deno.test("samples appear at every validation and change no result; all tokens are reported by source", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [without, with_samples, again] = [
      await runWith(folder, "without"),
      await runWith(folder, "with", SAMPLES),
      await runWith(folder, "again", SAMPLES),
    ];
    assert.deepEqual(with_samples.lock, without.lock);
    const digests = ({ events }: typeof without) =>
      events.flatMap((event) => event.type === "step_finished" ? [event.outputs] : []);
    assert.deepEqual(digests(with_samples), digests(without));
    const shown = ({ events }: typeof without) =>
      events.flatMap((event) =>
        event.type === "sample" ? [[event.step, event.done, event.prompt, event.text]] : []
      );
    assert.deepEqual(shown(without), []);
    const samples = shown(with_samples);
    // The first and the last step of each of three phases, with both prompts.
    assert.deepEqual(new Set(samples.map(([step]) => step)), new Set(["trunk", "branch", "tuned"]));
    assert.deepEqual(new Set(samples.map(([, , prompt]) => prompt)), new Set(SAMPLES.prompts));
    assert.ok(samples.some(([step, done]) => step === "trunk" && done === 0));
    assert.ok(samples.some(([step, done]) => step === "trunk" && done === 6));
    assert.deepEqual(shown(again), samples);
    const drawn = without.events.flatMap((event) =>
      event.type === "report" && event.step === "trunk"
        ? event.points.flatMap(([, , metrics]) => metrics["drawn_tokens/sums"] ?? [])
        : []
    );
    // 6 steps of 4 sequences of 32 tokens.
    assert.equal(drawn.reduce((sum, tokens) => sum + tokens, 0), 6 * 4 * 32);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("errors name invalid sample settings", async () => {
  const given = await loadRecipe(RECIPE);
  const [{ stage, config }] = given.steps;
  const header = { name: "x", description: "", seed: 1, samples: { prompts: [] } };
  const recipe = defineRecipe(header, (recipe) => {
    recipe.step("data", stage, { config } as never);
  });
  await assert.rejects(checkRecipe(recipe), /recipe "x": samples\.prompts (must|is) /);
});
