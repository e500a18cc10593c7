/**
 * A recipe that really trains, within seconds: a trunk, a branch, fine-tuning, and an evaluation.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { defineRecipe } from "@causeway/core/recipe";
import { evaluate, midtrain, pretrain, sft, tokenize } from "@causeway/stages";
import { TINY_MODEL } from "./tiny_training.ts";

const COMPUTE = { sequence_length: 32, micro_batch_size: 4, threads: 1 };

export default (() => {
  const path = fileURLToPath(new URL("../../recipes/own_data.jsonl", import.meta.url));
  const header = { name: "tiny", description: "Sums in three phases.", seed: 5 };
  return defineRecipe(header, (recipe) => {
    const records = { path, prompt: "Question: {question}\nAnswer: ", text: "answer" };
    const data = recipe.step("data", tokenize, {
      config: { sources: { sums: [{ dataset: "sums", records }] }, vocab_size: 300 },
    });
    const trunk = recipe.step("trunk", pretrain, {
      config: {
        ...COMPUTE,
        model: TINY_MODEL,
        mixture: { sums: 1 },
        allow_repeat: true,
        global_batch_size: 4,
        steps: 6,
        horizon_steps: 10,
        schedule: { peak_lr: 1e-2 },
      },
      inputs: { tokenizer: data.tokenizer, train: { data: data.train } },
    });
    const branch = recipe.step("branch", midtrain, {
      config: { mixture: { sums: 1 }, allow_repeat: true, micro_batch_size: 4, threads: 1 },
      inputs: { checkpoint: trunk.checkpoint, train: { data: data.train } },
    });
    const tuned = recipe.step("tuned", sft, {
      config: {
        ...COMPUTE,
        sources: ["sums"],
        epochs: 1,
        global_batch_size: 4,
        schedule: { peak_lr: 1e-2 },
      },
      inputs: { checkpoint: branch.checkpoint, train: { data: data.train } },
    });
    recipe.step("losses", evaluate, {
      config: { ...COMPUTE, by_example: ["sums"], max_sequences: 4 },
      inputs: {
        models: { trunk: trunk.checkpoint, tuned: tuned.checkpoint },
        tokens: { data: data.validation },
      },
    });
  });
})();
