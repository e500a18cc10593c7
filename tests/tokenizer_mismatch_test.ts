/**
 * Tokens of another tokenizer than the model's are refused by every stage that reads them.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineRecipe } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import { defineStage, ports } from "@causeway/core/stage";
import { z } from "zod";
import { cka, evaluate, import_model, midtrain, pretrain, sft, tokenize } from "../stages/mod.ts";
import { modelFiles, SIZES } from "./shared/exported_model.ts";
import { TINY_MODEL } from "./shared/tiny_training.ts";

const COMPUTE = { sequence_length: 32, micro_batch_size: 4, threads: 1 };

/** A stage of one's own between tokenizing and training, which knows nothing of tokenizers. */
const copy = defineStage({
  name: "copy",
  version: "1",
  description: "Copies tokens.",
  config: z.strictObject({}),
  inputs: { tokens: ports.tokens },
  outputs: { tokens: ports.tokens },
  async run({ inputs, outputs }) {
    for await (const batch of inputs.tokens.batches()) await outputs.tokens.write(batch);
  },
});

/** A model, data tokenized with its tokenizer or with one trained on them, and one stage that reads both. */
function recipe(folder: string, reader: string, own_tokenizer: boolean) {
  const path = fileURLToPath(new URL("../recipes/own_data.jsonl", import.meta.url));
  const records = { path, prompt: "Question: {question}\nAnswer: ", text: "answer" };
  return defineRecipe({ name: "mismatch", description: "", seed: 2 }, (recipe) => {
    const trained = { steps: 1, tokens: 128, sequence_length: 32, global_batch_size: 4 };
    const given = recipe.step("given", import_model, { config: { folder, trained } });
    const config = { sources: { sums: [{ dataset: "sums", records }] }, vocab_size: 260 };
    const data = recipe.step("data", tokenize, {
      config,
      inputs: own_tokenizer ? { tokenizer: given.tokenizer } : {},
    });
    const copied = recipe.step("copied", copy, { config: {}, inputs: { tokens: data.train } });
    const train = { data: copied.tokens }, tokens = { data: data.validation };
    const { checkpoint } = given, models = { given: checkpoint };
    const phase = { mixture: { sums: 1 }, steps: 1, schedule: { peak_lr: 1e-3 }, threads: 1 };
    const lengths = { sequence_length: 32, global_batch_size: 4, allow_repeat: true };
    if (reader === "pretrain") {
      recipe.step("reader", pretrain, {
        config: { ...phase, ...lengths, model: TINY_MODEL },
        inputs: { tokenizer: given.tokenizer, train },
      });
    } else if (reader === "midtrain") {
      recipe.step("reader", midtrain, {
        config: { ...phase, data: "restart", allow_repeat: true },
        inputs: { checkpoint, train },
      });
    } else if (reader === "sft") {
      recipe.step("reader", sft, {
        config: {
          ...COMPUTE,
          sequence_length: 64,
          sources: ["sums"],
          epochs: 0.01,
          schedule: { peak_lr: 1e-3 },
        },
        inputs: { checkpoint, train },
      });
    } else if (reader === "evaluate") {
      recipe.step("reader", evaluate, { config: COMPUTE, inputs: { models, tokens } });
    } else {
      recipe.step("reader", cka, {
        config: { ...COMPUTE, probes: ["sums"] },
        inputs: { models, probes: tokens },
      });
    }
  });
}

Deno.test("tokens of another tokenizer are refused, also those that a stage of your own has passed on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "model");
    Deno.mkdirSync(model);
    for (const [name, content] of Object.entries(await modelFiles(SIZES))) {
      Deno.writeFileSync(join(model, name), content);
    }
    const out = join(folder, "out");
    for (const reader of ["pretrain", "midtrain", "sft", "evaluate", "cka"]) {
      const { steps } = await run(recipe(model, reader, true), { out });
      assert.ok(steps.every(({ state }) => state === "finished" || state === "skipped"), reader);
      await assert.rejects(
        () => run(recipe(model, reader, false), { out }),
        /the tokens "(train|tokens|probes).data" were made by another tokenizer than/,
        reader,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
