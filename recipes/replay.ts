/**
 * How much pretraining text should fine-tuning replay? Trunks of three seeds are fine-tuned on Python functions with 0 to
 * 50% of replayed English, and one of them goes on: midtraining, two fine-tuning sets in a row.
 *
 * Minutes on two cores, with a model of 0.7M parameters: it shows the method, and is not evidence about large
 * models.
 *
 * @module
 */
import { defineRecipe } from "@causeway/core/recipe";
import { forgetting_report } from "@causeway/plugins/forgetting_report";
import { evaluate, midtrain, pretrain, sft, tokenize } from "@causeway/stages";

const TRUNKS = 3;
/** Shares of the supervised tokens. */
const SHARES = [0, 0.01, 0.05, 0.25, 0.5];

const header = {
  name: "replay",
  description: "Replay of pretraining text in fine-tuning: the target's loss against forgetting.",
  seed: 7,
};

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        general: [{ dataset: "brown" }],
        code: [{ dataset: "code" }],
        pycode: [{ dataset: "pycode", max_bytes: 200_000 }],
        sums: [{
          dataset: "sums",
          records: {
            path: "recipes/own_data.jsonl",
            prompt: "Question: {question}\nAnswer: ",
            text: "answer",
          },
        }],
      },
      vocab_size: 2048,
      tokenizer_bytes: 2_000_000,
    },
  });
  const tokens = { train: { data: data.train }, validation: { data: data.validation } };
  const validation = { every_steps: 1000, max_sequences: 16 };
  const batches = { sequence_length: 128, global_batch_size: 16, micro_batch_size: 8 };

  const pretrained = (t: number) =>
    recipe.step(`trunk_${t}`, pretrain, {
      seed: header.seed + t,
      config: {
        model: {
          hidden_size: 96,
          num_hidden_layers: 3,
          num_attention_heads: 4,
          intermediate_size: 384,
        },
        mixture: { general: 1 },
        ...batches,
        steps: 240,
        horizon_steps: 300,
        schedule: { peak_lr: 4e-3, min_lr: 1e-5 },
        validation,
      },
      inputs: { tokenizer: data.tokenizer, ...tokens },
    });
  const trunks = Array.from({ length: TRUNKS }, (_, i) => pretrained(i + 1));

  const tuning = {
    epochs: 2,
    ...batches,
    global_batch_size: 32,
    packing: true,
    schedule: { peak_lr: 1e-3 },
    validation: { ...validation, sources: ["general", "pycode"] },
  };
  const points = trunks.flatMap((trunk, i) =>
    SHARES.map((share) => {
      const before = `trunk_${i + 1}`, name = `replay_${100 * share}_${i + 1}`;
      const tuned = recipe.step(name, sft, {
        seed: header.seed + i + 1,
        config: {
          ...tuning,
          sources: ["pycode"],
          ...(share > 0 && { replay: { source: "general", share } }),
        },
        inputs: { checkpoint: trunk.checkpoint, ...tokens },
      });
      return { label: `${100 * share}%`, model: name, before, trunk, tuned };
    })
  );

  // One run through four stages, each of which may forget what the others learnt.
  const midtrained = recipe.step("midtrained", midtrain, {
    config: { mixture: { general: 0.7, code: 0.3 }, validation, micro_batch_size: 8 },
    inputs: { checkpoint: trunks[0].checkpoint, ...tokens },
  });
  const functions = recipe.step("functions", sft, {
    config: { ...tuning, sources: ["pycode"] },
    inputs: { checkpoint: midtrained.checkpoint, ...tokens },
  });
  const sums = recipe.step("sums", sft, {
    config: { ...tuning, sources: ["sums"], epochs: 8 },
    inputs: { checkpoint: functions.checkpoint, ...tokens },
  });

  const losses = recipe.step("losses", evaluate, {
    config: {
      by_example: ["pycode", "sums"],
      sequence_length: 128,
      max_sequences: 128,
      micro_batch_size: 8,
    },
    inputs: {
      models: {
        ...Object.fromEntries(points.map(({ model, tuned }) => [model, tuned.checkpoint])),
        ...Object.fromEntries(points.map(({ before, trunk }) => [before, trunk.checkpoint])),
        midtrained: midtrained.checkpoint,
        functions: functions.checkpoint,
        sums: sums.checkpoint,
      },
      tokens: { data: data.validation },
    },
  });
  const { report } = recipe.step("report", forgetting_report, {
    config: {
      title: "Replay in fine-tuning",
      description: header.description,
      tradeoffs: [{
        target: "pycode",
        general: "general",
        points: points.map(({ label, model, before }) => ({ label, model, before })),
      }],
      chains: [{
        label: "Four stages in a row",
        models: [
          { label: "pretraining: English", model: "trunk_1" },
          { label: "midtraining: 30% code", model: "midtrained" },
          { label: "fine-tuning: Python functions", model: "functions" },
          { label: "fine-tuning: sums", model: "sums" },
        ],
      }],
    },
    inputs: { evaluation: { losses: losses.evaluation } },
  });
  recipe.publish(report);
});
