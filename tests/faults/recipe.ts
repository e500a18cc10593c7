/**
 * A small recipe with every built-in stage and the report. It runs for a few seconds, so that it can be killed hundreds
 * of times.
 *
 * @module
 */
import { defineRecipe } from "@causeway/core/recipe";
import { report } from "@causeway/plugins/report";
import { cka, evaluate, midtrain, pretrain, sft, similarity, tokenize } from "@causeway/stages";
import { TINY_MODEL } from "../shared/tiny_training.ts";

const SEQUENCE_LENGTH = 32;
const micro_batch_size = 4;
const validation = { every_steps: 20, max_sequences: 4 };

const header = { name: "faults", description: "A run that is killed.", seed: 5 };

export default defineRecipe(header, (recipe) => {
  const path = "recipes/own_data.jsonl";
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        general: [{ dataset: "text", records: { path, text: "{answer} {question}" } }],
        sums: [{ dataset: "sums", records: { path, prompt: "{question} ", text: "answer" } }],
      },
      vocab_size: 300,
      validation_share: 0.2,
    },
  });
  const tokens = { train: { data: data.train }, validation: { data: data.validation } };

  const trunk = recipe.step("trunk", pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: { general: 1 },
      sequence_length: SEQUENCE_LENGTH,
      global_batch_size: 4,
      micro_batch_size,
      workers: 2,
      steps: 60,
      horizon_steps: 100,
      schedule: { peak_lr: 3e-3 },
      validation,
      keep_every_steps: 10,
      allow_repeat: true,
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });

  const mixed = recipe.step("mixed", midtrain, {
    config: {
      mixture: { general: 0.5, sums: 0.5 },
      micro_batch_size,
      validation,
      allow_repeat: true,
    },
    inputs: { checkpoint: trunk.checkpoint, ...tokens },
  });
  const tuned = recipe.step("tuned", sft, {
    config: {
      sources: ["sums"],
      epochs: 1,
      sequence_length: SEQUENCE_LENGTH,
      global_batch_size: 8,
      micro_batch_size,
      schedule: { peak_lr: 1e-3 },
      validation,
    },
    inputs: { checkpoint: mixed.checkpoint, ...tokens },
  });
  const models = { trunk: trunk.checkpoint, mixed: mixed.checkpoint, tuned: tuned.checkpoint };
  const size = { sequence_length: SEQUENCE_LENGTH, max_sequences: 8 };

  const losses = recipe.step("losses", evaluate, {
    config: { by_example: ["sums"], ...size },
    inputs: { models, tokens: { data: data.validation } },
  });
  const layers = recipe.step("layers", cka, {
    config: { probes: ["general"], ...size },
    inputs: { models, probes: { data: data.validation } },
  });
  const distances = recipe.step("distances", similarity, {
    config: {},
    inputs: { tokens: { data: data.train } },
  });

  const page = recipe.step("report", report, {
    config: {
      title: "A run that was killed",
      target_source: "sums",
      general_source: "general",
      arms: [{
        name: "mixed",
        label: "mixed",
        before_sft: "mixed",
        after_sft: "tuned",
        trained: ["trunk", "mixed"],
      }],
    },
    inputs: {
      evaluation: { losses: losses.evaluation },
      similarity: distances.similarity,
      cka: { layers: layers.cka },
      training: { trunk: trunk.training, mixed: mixed.training, tuned: tuned.training },
      validation: { trunk: trunk.validation, mixed: mixed.validation, tuned: tuned.validation },
      mixtures: { trunk: trunk.mixture, mixed: mixed.mixture },
      samples: { trunk: trunk.samples, tuned: tuned.samples },
      data: data.summary,
    },
  });
  recipe.publish(page.report);
  recipe.publish(tuned.checkpoint);
});
