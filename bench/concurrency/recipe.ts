/**
 * Two independent arms, which `main.ts` runs one after the other and side by side.
 *
 * @module
 */
import { defineRecipe } from "@causeway/core/recipe";
import { pretrain, tokenize } from "@causeway/stages";

const header = { name: "concurrency", description: "Two independent arms.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: { sources: { general: [{ dataset: "brown" }] }, vocab_size: 4096 },
  });
  for (const [i, id] of ["left", "right"].entries()) {
    recipe.step(id, pretrain, {
      seed: 1 + i,
      config: {
        model: "mini",
        mixture: { general: 1 },
        sequence_length: 256,
        global_batch_size: 16,
        micro_batch_size: 8,
        steps: 60,
        schedule: { peak_lr: 3e-3 },
        validation: { every_steps: 1000, max_sequences: 8 },
        threads: 1,
      },
      inputs: {
        tokenizer: data.tokenizer,
        train: { data: data.train },
        validation: { data: data.validation },
      },
    });
  }
});
