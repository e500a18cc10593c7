import assert from "node:assert/strict";
import { z } from "zod";
import { checkRecipe, defineRecipe, type Refs } from "../recipe/mod.ts";
import { defineStage, type Forecast, optional, table } from "../stage/mod.ts";
import { forecastRecipe } from "./forecast.ts";
import { readiness, type RunPlace } from "./requirements.ts";

const port = table({ x: "int32" }, "numbers");

/** A stage with the forecast that its config is. */
const foreseen = defineStage({
  name: "foreseen",
  version: "1",
  description: "Says what its config says.",
  config: z.object({}).loose(),
  inputs: { data: optional(port) },
  outputs: { data: port },
  forecast: ({ config }) => config as Forecast,
  run: ({ outputs }) => outputs.data.write({ x: Int32Array.of(1) }),
});

async function checked(
  forecasts: Record<string, Forecast & { after?: string }>,
  place: Partial<RunPlace>,
) {
  const recipe = await checkRecipe(
    defineRecipe({ name: "sizes", description: "", seed: 1 }, (recipe) => {
      const made = new Map<string, Refs<typeof foreseen.outputs>>();
      for (const [id, { after, ...config }] of Object.entries(forecasts)) {
        const data = after === undefined ? undefined : made.get(after)!.data;
        made.set(id, recipe.step(id, foreseen, { config, inputs: { data } }));
      }
    }),
  );
  const out = "no_such_folder";
  return await readiness(recipe, await forecastRecipe(recipe, out), { out, ...place });
}

Deno.test("memory is that of the largest step, disk that of all with the largest scratch", async () => {
  const steps = {
    a: { memory: { weights: 3e9, moments: 2e9 }, disk: { weights: 1e9 }, scratch: 3e9 },
    b: { memory: { weights: 6e9 }, disk: { weights: 2e9 }, scratch: 1e9 },
  };
  const enough = await checked(steps, { machine: { memory: 6e9, disk: 6e9 } });
  assert.deepEqual(enough.unmet, []);
  const { unmet } = await checked(steps, { machine: { memory: 5.5e9, disk: 5.9e9 } });
  assert.deepEqual(unmet.map(({ steps }) => steps), [["b"], []]);
  assert.match(unmet[0].problem, /^needs 6\.0 GB of memory, and this machine has 5\.5 GB; lower/);
  assert.match(
    unmet[1].problem,
    /^results need 6\.0 GB of disk, and no_such_folder has 5\.9 GB free/,
  );
  // Someone knows better, such as of swap space.
  const { unmet: told } = await checked(steps, {
    machine: { memory: 5.5e9, disk: 6e9 },
    memory: 6e9,
  });
  assert.deepEqual(told, []);
  // A launcher starts the steps on other machines, with this disk.
  const { unmet: elsewhere } = await checked(steps, {
    machine: { memory: 1, disk: 1 },
    elsewhere: true,
  });
  assert.equal(elsewhere.length, 1);
});

Deno.test("the memory of a GPU is not that of the machine", async () => {
  const product = { rows: 1, width: 1, columns: 1 };
  const compute = {
    device: "cuda",
    precision: "float32",
    kernels: "onnxruntime",
    threads: 1,
    product,
  };
  const { unmet } = await checked({ a: { memory: { weights: 6e9 }, compute } }, {
    machine: { memory: 1, disk: 1 },
  });
  assert.deepEqual(unmet, []);
});

Deno.test("what depends on data that do not exist is one line with its count, and waits for their steps", async () => {
  const waits = { notes: ["unknown until the data are tokenized"] };
  const source = { source: "a", tokens: 9, before: 0, token_bytes: 2 };
  const training = {
    ...{ parameters: 1, from_step: 0, to_step: 1, tokens: 9, points: [] },
    sources: [source],
  };
  const { unknown_line, awaited, unmet } = await checked({
    data: {},
    other: {},
    trunk: { after: "data", training },
    tuned: { after: "trunk", ...waits },
    alone: { after: "other" },
  }, { machine: { memory: 1, disk: 18 } });
  assert.deepEqual(unmet, []);
  assert.match(unknown_line!, /^Not known yet for 2 of 5 steps: .*; checked after "data"\.$/);
  assert.deepEqual(awaited, ["data"]);
  // The tokens to make need disk, too.
  const full = await checked({ data: {}, trunk: { after: "data", training } }, {
    machine: { memory: 1, disk: 17 },
  });
  assert.match(full.unmet[0].problem, /^results need 18 B of disk/);
});
