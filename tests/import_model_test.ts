/**
 * An imported model goes through every stage like a model trained here.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineRecipe } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import { cka, evaluate, import_model, midtrain, sft, similarity, tokenize } from "@causeway/stages";
import { modelFiles, SIZES } from "./shared/exported_model.ts";

const COMPUTE = { sequence_length: 64, micro_batch_size: 4, threads: 1 };

function recipeFrom(folder: string) {
  const path = fileURLToPath(new URL("../recipes/own_data.jsonl", import.meta.url));
  const records = { path, prompt: "Question: {question}\nAnswer: ", text: "answer" };
  const header = { name: "given", description: "Starts from a model folder.", seed: 2 };
  return defineRecipe(header, (recipe) => {
    const trained = { steps: 1000, tokens: 5e5, sequence_length: 32, global_batch_size: 4 };
    const given = recipe.step("given", import_model, { config: { folder, trained } });
    const data = recipe.step("data", tokenize, {
      config: { sources: { sums: [{ dataset: "sums", records }] } },
      inputs: { tokenizer: given.tokenizer },
    });
    const train = { data: data.train };
    const branch = recipe.step("branch", midtrain, {
      config: {
        mixture: { sums: 1 },
        steps: 4,
        schedule: { peak_lr: 1e-3 },
        optimizer: "reset",
        data: "restart",
        allow_repeat: true,
        micro_batch_size: 4,
        threads: 1,
      },
      inputs: { checkpoint: given.checkpoint, train },
    });
    const tuned = recipe.step("tuned", sft, {
      config: {
        ...COMPUTE,
        sources: ["sums"],
        epochs: 1,
        global_batch_size: 16,
        schedule: { peak_lr: 1e-3 },
      },
      inputs: { checkpoint: given.checkpoint, train },
    });
    const models = {
      given: given.checkpoint,
      branch: branch.checkpoint,
      tuned: tuned.checkpoint,
    };
    const tokens = { data: data.validation };
    recipe.step("losses", evaluate, {
      config: { ...COMPUTE, by_example: ["sums"], max_sequences: 8 },
      inputs: { models, tokens },
    });
    recipe.step("layers", cka, {
      config: { ...COMPUTE, probes: ["sums"], max_sequences: 8 },
      inputs: { models, probes: tokens },
    });
    recipe.step("distances", similarity, {
      config: { mixtures: { all: { sums: 1 } } },
      inputs: { tokens: train },
    });
  });
}

Deno.test("an imported model is midtrained, fine-tuned, evaluated and compared", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "model");
    Deno.mkdirSync(model);
    for (const [name, content] of Object.entries(await modelFiles(SIZES))) {
      Deno.writeFileSync(join(model, name), content);
    }
    const { steps } = await run(recipeFrom(model), { out: join(folder, "out") });
    assert.ok(steps.every(({ state }) => state === "finished"));
    const losses = steps.find(({ id }) => id === "losses")!.metrics;
    // A model with random weights learns from both.
    assert.ok(losses["loss/branch/sums"]! < losses["loss/given/sums"]!);
    assert.ok(losses["loss/tuned/sums"]! < losses["loss/given/sums"]!);
    const [{ tokens }] = steps.filter(({ id }) => id === "branch").map(({ metrics }) => metrics);
    assert.equal(tokens, 5e5 + 4 * 4 * 32);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
