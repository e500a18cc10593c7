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

const SIZE = { model: "pythia-70m", micro_batch_size: 16 } as const;

Deno.test("KnowledgeQA's four parts have the shares of the authors' configuration", async () => {
  const { steps } = await forecast("70m");
  const { sources, from_step, to_step } = steps.find(({ id }) => id === "knowledge_qa")!.forecast!
    .training!;
  const drawn = new Map(sources.map(({ source, tokens }) => [source, tokens]));
  const whole = (to_step - from_step) * TOKENS_PER_STEP;
  const shares = { c4: 0.8, q4: 0.15, q1: 0.03, q2: 0.015, q3: 0.005 };
  for (const [part, share] of Object.entries(shares)) {
    const found = drawn.get(part === "c4" ? part : `knowledge_${part}`)! / whole;
    assert.ok(Math.abs(found - share) < 1e-6, `${part}: ${found}`);
  }
  assert.equal(drawn.size, 5);
});

Deno.test("the tokenizer is Pythia's from the hub or the data root, or trained where that is said", async () => {
  const root = await Deno.makeTempDir(), before = Deno.env.get("CAUSEWAY_DATA_ROOT");
  const choose = (tokenizer?: string) => {
    const settings = fullSize({ ...SIZE, ...(tokenizer && { tokenizer }) });
    return [settings.tokenizer, settings.facts!.tokenizer] as const;
  };
  try {
    Deno.env.delete("CAUSEWAY_DATA_ROOT");
    assert.deepEqual(choose(), [{ hub: "EleutherAI/pythia-70m" }, "Pythia's"]);
    assert.deepEqual(choose("here"), [{ folder: "here" }, "Pythia's"]);
    Deno.env.set("CAUSEWAY_DATA_ROOT", root);
    const [none, fact] = choose();
    assert.equal(none, undefined);
    assert.match(fact, /learned from the data; the data root has no pythia_tokenizer/);
    const folder = join(root, "pythia_tokenizer");
    await Deno.mkdir(folder);
    assert.deepEqual(choose()[0], { folder });
    assert.equal(choose("trained")[0], undefined);
  } finally {
    if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
    else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("SciQ's 13,679 examples are a choice, which the facts explain", () => {
  const [own, all] = [{}, { sciq: "all" } as const].map((choice) => {
    const { data, facts } = fullSize({ ...SIZE, tokenizer: "trained", ...choice });
    return [data.sources.sciq, facts!["training examples of SciQ"]];
  });
  assert.deepEqual([own[0], all[0]], [[{ dataset: "sciq" }], [{ dataset: "sciq_all" }]]);
  assert.match(`${own[1]}`, /^11,679/);
  assert.match(`${all[1]}`, /^13,679, .* held-out loss is of 2,000 of them/);
});
