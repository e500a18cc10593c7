import { z } from "zod";
import { defineRecipe } from "../../recipe/mod.ts";
import { defineStage, type Forecast, type Requirements, table } from "../../stage/mod.ts";

/** What each step needs and no machine has, or what its forecast says. */
const NEEDS: Record<string, Requirements> = {
  permission: { permissions: { net: ["example.org"] } },
  package: { packages: ["no-such-package@1.2.3"] },
  dataset: { hub: ["hf://org/no_such_set@main/data/*"] },
  library: { compute: { device: "cpu", precision: "bfloat16", kernels: "onednn" } },
  device: { compute: { device: "cuda", precision: "float32", kernels: "onnxruntime" } },
};

const FORECASTS: Record<string, Forecast> = {
  memory: { memory: { weights: 4e15 } },
  disk: { disk: { weights: 5e18 } },
  tokens: { problems: ['source "math" has 5 tokens, and 9 are needed; add data'] },
};

/** Writes nothing of interest; needs what its name says. */
const needy = defineStage({
  name: "needy",
  version: "1",
  description: "Needs something.",
  config: z.strictObject({ need: z.string() }),
  inputs: {},
  outputs: { data: table({ x: "int32" }, "one number") },
  requires({ need }) {
    if (need === "contradiction") throw new Error('precision "float16" needs a GPU');
    return NEEDS[need] ?? {};
  },
  forecast: ({ config }) => FORECASTS[config.need] ?? {},
  async run({ outputs, log }) {
    log("ran");
    await outputs.data.write({ x: Int32Array.of(1) });
  },
});

export default defineRecipe(
  { name: "needy", description: "Needs what is not there.", seed: 1 },
  (recipe) => {
    const names = ["nothing", ...Object.keys(NEEDS), "contradiction", ...Object.keys(FORECASTS)];
    for (const need of names) recipe.step(need, needy, { config: { need } });
    recipe.step("library_too", needy, { config: { need: "library" } });
  },
);
