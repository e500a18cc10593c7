import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { loadRecipe, type Recipe } from "@causeway/core/recipe";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";

const urlOf = (name: string) => new URL(name, import.meta.url).href;
const options = { stages: urlOf("stages.json") };

/** Everything that determines keys, plans and results. */
const contentOf = ({ name, description, seed, steps, published }: Recipe) => ({
  ...{ name, description, seed, steps },
  published: published.map(({ step, output }) => `${step}.${output}`),
});

Deno.test("own_data.json equals own_data.ts", async () => {
  const json = await loadRecipe(urlOf("own_data.json"), options);
  assert.deepEqual(contentOf(json), contentOf(await loadRecipe(urlOf("own_data.ts"))));
});

Deno.test("overrides have the same effect on both", async () => {
  const set = ["stage:sft.epochs=2", "base.schedule.peak_lr=1e-3", "seed=4"];
  const json = await loadRecipe(urlOf("own_data.json"), { ...options, set });
  const typescript = await loadRecipe(urlOf("own_data.ts"), { set });
  assert.deepEqual(contentOf(json), contentOf(typescript));
  const { config, seed } = json.steps.find(({ id }) => id === "tuned")!;
  assert.deepEqual([(config as { epochs: number }).epochs, seed], [2, 4]);
});

Deno.test("stages.json names all stages and plugins", async () => {
  const { stages: names } = JSON.parse(await Deno.readTextFile(new URL(options.stages)));
  const stages = [...STAGES, ...PLUGINS];
  assert.deepEqual(Object.keys(names).sort(), stages.map(({ name }) => name).sort());
  for (const stage of stages) {
    const [path, name] = names[stage.name].split("#");
    assert.equal((await import(new URL(path, options.stages).href))[name], stage);
  }
});

Deno.test("stages.json gives the new names of stages and fields that exist", async () => {
  const { renamed } = JSON.parse(await Deno.readTextFile(new URL(options.stages)));
  const stages = new Map([...STAGES, ...PLUGINS].map((stage) => [stage.name, stage]));
  for (const [old_name, new_name] of Object.entries<string>(renamed)) {
    const [name, ...field] = old_name.split(".");
    if (field.length === 0) assert.ok(stages.has(new_name), new_name);
    else {
      const schema = z.toJSONSchema(stages.get(name)!.config as z.ZodType, { io: "input" });
      assert.ok(new_name in schema.properties!, `${name}.${new_name}`);
    }
  }
});

Deno.test("the old name of a field gives an error with the new one", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const step = { stage: "cka", config: { probes: ["a"], subsamples: 4 }, inputs: {} };
    const recipe = { name: "old", description: "", seed: 1, steps: { layers: step } };
    await Deno.writeTextFile(path, JSON.stringify(recipe));
    const loaded = loadRecipe(pathToFileURL(path).href, options);
    await assert.rejects(loaded, /config\.subsamples is now called config\.jackknife_groups/);
  } finally {
    await Deno.remove(path);
  }
});
