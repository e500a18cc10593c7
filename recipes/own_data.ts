/**
 * A template for experiments on your own data: pretrains a small model on a novel, fine-tunes it on questions and answers
 * from a file, and measures the loss on answers before and after.
 *
 * Copy this file, and replace recipes/own_data.jsonl (400 synthetic sums) with your own data.
 *
 * @module
 */
import { defineRecipe } from "@causeway/core/recipe";
import { report } from "@causeway/plugins/report";
import { evaluate } from "@causeway/stages/evaluate";
import { pretrain } from "@causeway/stages/pretrain";
import { sft } from "@causeway/stages/sft";
import { tokenize } from "@causeway/stages/tokenize";

const header = { name: "own_data", description: "Fine-tuning on a file of your own.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        general: [{ dataset: "brown" }],
        questions: [{
          dataset: "my_questions",
          records: {
            path: "recipes/own_data.jsonl",
            prompt: "Question: {question}\nAnswer: ", // excluded from the loss
            text: "answer",
            // Conversations instead: path: "recipes/own_chats.jsonl", messages: "messages", without prompt and text.
          },
        }],
      },
      vocab_size: 1024,
    },
  });
  const tokens = { train: { data: data.train }, validation: { data: data.validation } };

  const base = recipe.step("base", pretrain, {
    config: {
      model: "mini",
      mixture: { general: 1 },
      sequence_length: 128,
      global_batch_size: 16,
      steps: 60,
      schedule: { peak_lr: 3e-3 },
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });
  const tuned = recipe.step("tuned", sft, {
    config: {
      sources: ["questions"],
      epochs: 4,
      sequence_length: 128,
      global_batch_size: 16,
      schedule: { peak_lr: 1e-3 },
    },
    inputs: { checkpoint: base.checkpoint, ...tokens },
  });

  const models = { base: base.checkpoint, tuned: tuned.checkpoint };
  const losses = recipe.step("losses", evaluate, {
    config: { by_example: ["questions"], sequence_length: 128 },
    inputs: { models, tokens: { data: data.validation } },
  });

  const page = recipe.step("report", report, {
    config: {
      title: "Fine-tuning on a file of your own",
      target_source: "questions",
      general_source: "general",
      arms: [
        {
          name: "own",
          label: "own data",
          before_sft: "base",
          after_sft: "tuned",
          trained: ["base"],
        },
      ],
    },
    inputs: {
      evaluation: { losses: losses.evaluation },
      training: { base: base.training, tuned: tuned.training },
      validation: { base: base.validation, tuned: tuned.validation },
      mixtures: { base: base.mixture },
      samples: { base: base.samples, tuned: tuned.samples },
      data: data.summary,
    },
  });
  recipe.publish(page.report);
  recipe.publish(tuned.checkpoint); // a folder for Hugging Face's from_pretrained
});
