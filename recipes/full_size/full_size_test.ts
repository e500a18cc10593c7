import assert from "node:assert/strict";
import { join } from "node:path";
import { forecastRecipe, type StepForecast } from "@causeway/core/runner";
import { loadRecipe, type Recipe } from "@causeway/core/recipe";
import { fullSize } from "./settings.ts";

const STEPS = 61_035, TOKENS_PER_STEP = 1024 * 2048;

/** Parameters as published, and sequences per forward pass. */
const SIZES = [
  ["70m", 70_426_624, 16],
  ["160m", 162_322_944, 16],
  ["410m", 405_334_016, 8],
  ["1b", 1_011_781_632, 8],
] as const;

/** A recipe's forecast with a data root that has a file for every set, so that nothing is asked of the network. */
async function forecast(size: string) {
  const root = await Deno.makeTempDir(), before = Deno.env.get("CAUSEWAY_DATA_ROOT");
  try {
    const { sources } = fullSize({ model: "pythia-70m", micro_batch_size: 16 }).data;
    for (const { dataset } of Object.values(sources).flat()) {
      await Deno.mkdir(join(root, dataset));
      await Deno.writeTextFile(join(root, dataset, "train.jsonl"), "{}\n");
    }
    Deno.env.set("CAUSEWAY_DATA_ROOT", root);
    const recipe = await loadRecipe(new URL(`pythia_${size}.ts`, import.meta.url).href);
    return { recipe, steps: await forecastRecipe(recipe, join(root, "no_results")) };
  } finally {
    if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
    else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
    await Deno.remove(root, { recursive: true });
  }
}

function configOf(recipe: Recipe, id: string) {
  return recipe.steps.find((step) => step.id === id)!.config as Record<string, unknown>;
}

/** A phase and its ancestors, the last one first. */
function lineOf(step: StepForecast, steps: readonly StepForecast[]): StepForecast[] {
  const parent = steps.find(({ id }) => id === step.parent);
  return parent ? [step, ...lineOf(parent, steps)] : [step];
}

for (const [size, parameters, micro_batch_size] of SIZES) {
  Deno.test(`pythia-${size} is planned with the paper's settings, 128B tokens to each arm's end`, async () => {
    const { recipe, steps } = await forecast(size);
    const phases = steps.filter(({ id }) => {
      return ["pretrain", "midtrain"].includes(recipe.steps.find((s) => s.id === id)!.stage.name);
    });
    const ends = phases.filter(({ forecast }) => forecast!.training!.to_step === STEPS);
    const names = ends.map(({ id }) => id);
    for (const arm of ["trunk_to_61035", "code", "math", "flan", "knowledge_qa", "dclm"]) {
      assert.ok(names.includes(arm), arm);
    }
    for (const end of ends) {
      const line = lineOf(end, phases).map(({ forecast }) => forecast!.training!);
      assert.equal(line.reduce((sum, { tokens }) => sum + tokens, 0), STEPS * TOKENS_PER_STEP);
      assert.equal(line.at(-1)!.parameters, parameters);
      assert.ok(Math.abs(line[0].points.at(-1)!.learning_rate - 1e-6) < 1e-9);
      const peak = Math.max(...line.flatMap(({ points }) => points.map((p) => p.learning_rate)));
      assert.ok(Math.abs(peak - 3e-4) < 1e-6, `${end.id}: ${peak}`);
    }
    const code = lineOf(steps.find(({ id }) => id === "code")!, steps)
      .flatMap(({ forecast }) => forecast!.training!.sources)
      .filter(({ source }) => source === "code").reduce((sum, { tokens }) => sum + tokens, 0);
    assert.ok(Math.abs(code - 0.2 * (STEPS - 6_000) * TOKENS_PER_STEP) < TOKENS_PER_STEP);
    const config = configOf(recipe, "trunk_to_6000");
    assert.equal(config.micro_batch_size, micro_batch_size);
    assert.equal(config.precision, "bfloat16");
  });
}
