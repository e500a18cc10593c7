import { z } from "zod";
import { defineRecipe } from "../../../recipe/mod.ts";
import { defineStage, optional, ports } from "../../../stage/mod.ts";

/** Trains nothing, and knows all about it. */
const train = defineStage({
  name: "train",
  version: "1",
  description: "Says what it would do.",
  config: z.strictObject({ steps: z.int(), precision: z.string().default("float32") }),
  inputs: { checkpoint: optional(ports.checkpoint) },
  outputs: { checkpoint: ports.checkpoint },
  async run({ outputs }) {
    await outputs.checkpoint.write("weights", new Uint8Array(7));
  },
  forecast({ config, parents }) {
    const from = (parents.checkpoint as { step: number } | undefined)?.step ?? 0;
    if (config.steps < 1) throw new Error("there is nothing to train");
    const shares: Record<string, number> = from === 0
      ? { general: 1 }
      : { general: 0.5, code: 0.5 };
    const point = (i: number) => ({ step: from + i, learning_rate: 1e-3 * (from + i), shares });
    return {
      training: {
        parameters: 1234,
        from_step: from,
        to_step: from + config.steps,
        tokens: 1000 * config.steps,
        sequences: config.steps === 60 ? 3 : 32,
        sources: [{
          source: "general",
          tokens: 1000 * config.steps,
          before: 1000 * from,
          token_bytes: 2,
        }],
        points: Array.from({ length: config.steps }, (_, i) => point(i)),
        ...(from > 0 && { keeps: "all" }),
      },
      flops: 1e9 * config.steps,
      memory: { weights: 4000, moments: 8000 },
      disk: { weights: 5000 },
      scratch: 700,
      compute: {
        device: "cpu",
        precision: config.precision,
        kernels: config.precision === "float32" ? "onnxruntime" : "onednn",
        threads: 1,
        product: { rows: 32, width: 16, columns: 32 },
      },
      outputs: { checkpoint: { step: from + config.steps } },
    };
  },
});

const silent = defineStage({
  name: "silent",
  version: "1",
  description: "Says nothing.",
  config: z.strictObject({}),
  inputs: { checkpoint: ports.checkpoint },
  outputs: { checkpoint: ports.checkpoint },
  async run({ outputs }) {
    await outputs.checkpoint.write("weights", new Uint8Array(7));
  },
});

const header = { name: "forecast", description: "A trunk and its branches.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const trunk = recipe.step("trunk", train, { config: { steps: 40 } });
  const inputs = { checkpoint: trunk.checkpoint };
  const left = recipe.step("left", train, { config: { steps: 60 }, inputs });
  recipe.step("right", train, { config: { steps: 20, precision: "float16" }, inputs });
  recipe.step("faulty", train, { config: { steps: 0 }, inputs });
  recipe.step("twig", silent, { config: {}, inputs: { checkpoint: left.checkpoint } });
});
