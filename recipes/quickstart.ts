/**
 * The quickstart: does midtraining on code help a small model that is then fine-tuned on Python functions?
 *
 * A trunk is pretrained on general English. From its checkpoint, the midtrained arm continues with 20% code in the mixture,
 * and the control arm with general text only: same tokens, same schedule, same optimizer state. Both are fine-tuned on
 * documented Python functions, and evaluated on held-out functions and held-out general text.
 *
 * Everything is scaled down to two minutes on two cores: a model with 1.3M parameters and half a million tokens per arm
 * before fine-tuning. It demonstrates the method; it is not evidence about large models. `quickstart_large.ts` is the
 * same at a larger size.
 *
 * @module
 */
import { defineRecipe, type RecipeBuilder } from "@causeway/core/recipe";
import { report } from "@causeway/plugins/report";
import { cka, evaluate, midtrain, pretrain, sft, similarity, tokenize } from "@causeway/stages";

/** What its sizes differ in. */
export interface QuickstartSize {
  readonly general: { readonly dataset: string; readonly max_bytes?: number }[];
  readonly pycode: { readonly dataset: string; readonly max_bytes?: number }[];
  readonly vocab_size: number;
  readonly tokenizer_bytes: number;
  readonly sequence_length: number;
  /** Steps of the trunk, and of the trunk and an arm together. */
  readonly branch_step: number;
  readonly horizon_steps: number;
  /** Sequences of a source: while training, and in the final evaluation. */
  readonly validation_sequences: number;
  readonly evaluation_sequences: number;
}

const SMALL: QuickstartSize = {
  general: [{ dataset: "brown" }],
  pycode: [{ dataset: "pycode", max_bytes: 900_000 }],
  vocab_size: 2048,
  tokenizer_bytes: 2_000_000,
  sequence_length: 128,
  branch_step: 160,
  horizon_steps: 240,
  validation_sequences: 16,
  evaluation_sequences: 64,
};

const GENERAL = { general: 1 };
const WITH_CODE = { general: 0.8, code: 0.2 };

export const header = {
  name: "quickstart",
  description: "Midtraining on code before fine-tuning on Python, scaled down to minutes.",
  seed: 1337,
  // Continued by the model during training, for the dashboard and the log; results do not depend on them.
  samples: { prompts: ["The President said that", "def parse(text):"] },
};

export default defineRecipe(header, (recipe) => compareArms(recipe, SMALL));

/** Adds the steps: data, trunk, two arms, their evaluation and the report. */
export function compareArms(recipe: RecipeBuilder, size: QuickstartSize): void {
  const { vocab_size, tokenizer_bytes, sequence_length } = size;
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        general: size.general,
        code: [{ dataset: "code" }],
        pycode: size.pycode,
      },
      vocab_size,
      tokenizer_bytes,
    },
  });
  const tokens = { train: { data: data.train }, validation: { data: data.validation } };
  const validation = { every_steps: 40, max_sequences: size.validation_sequences };

  const trunk = recipe.step("trunk", pretrain, {
    config: {
      model: "mini",
      mixture: GENERAL,
      sequence_length,
      global_batch_size: 16,
      micro_batch_size: 8,
      steps: size.branch_step,
      horizon_steps: size.horizon_steps,
      // Higher than the paper's 3e-4: small models tolerate it, and need it with so few steps.
      schedule: { peak_lr: 3e-3, min_lr: 1e-5 },
      validation,
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });

  const arm = (name: string, mixture: Record<string, number>) => {
    const before = recipe.step(name, midtrain, {
      config: { mixture, validation, micro_batch_size: 8 },
      inputs: { checkpoint: trunk.checkpoint, ...tokens },
    });
    const after = recipe.step(`${name}_sft`, sft, {
      config: {
        sources: ["pycode"],
        epochs: 1,
        sequence_length,
        global_batch_size: 32,
        micro_batch_size: 8,
        schedule: { peak_lr: 1e-3 },
        validation: { ...validation, sources: ["general", "pycode"] },
      },
      inputs: { checkpoint: before.checkpoint, ...tokens },
    });
    return { before, after };
  };
  const control = arm("control", GENERAL);
  const midtrained = arm("midtrained", WITH_CODE);
  const models = {
    base: trunk.checkpoint,
    control: control.before.checkpoint,
    control_sft: control.after.checkpoint,
    midtrained: midtrained.before.checkpoint,
    midtrained_sft: midtrained.after.checkpoint,
  };

  const losses = recipe.step("losses", evaluate, {
    config: {
      by_example: ["pycode"],
      sequence_length,
      max_sequences: size.evaluation_sequences,
      micro_batch_size: 8,
    },
    inputs: { models, tokens: { data: data.validation } },
  });
  // The paper's four states, with the control arm as the base model.
  const { base: _, ...four_states } = models;
  const layers = recipe.step("layers", cka, {
    config: { probes: ["general", "pycode"], sequence_length, max_sequences: 24 },
    inputs: {
      models: four_states,
      probes: { data: data.validation },
    },
  });
  const distances = recipe.step("distances", similarity, {
    config: { mixtures: { "general + 20% code": WITH_CODE } },
    inputs: { tokens: { data: data.train } },
  });

  const page = recipe.step("report", report, {
    config: {
      title: "Quickstart: code midtraining before Python fine-tuning",
      description: header.description,
      target_source: "pycode",
      general_source: "general",
      base: "base",
      arms: [
        {
          name: "control",
          label: "control (general only)",
          before_sft: "control",
          after_sft: "control_sft",
          trained: ["trunk", "control"],
        },
        {
          name: "midtrained",
          label: "midtrained (20% code)",
          before_sft: "midtrained",
          after_sft: "midtrained_sft",
          trained: ["trunk", "midtrained"],
        },
      ],
    },
    inputs: {
      evaluation: { losses: losses.evaluation },
      similarity: distances.similarity,
      cka: { layers: layers.cka },
      training: {
        trunk: trunk.training,
        control: control.before.training,
        midtrained: midtrained.before.training,
        control_sft: control.after.training,
        midtrained_sft: midtrained.after.training,
      },
      validation: {
        trunk: trunk.validation,
        control: control.before.validation,
        midtrained: midtrained.before.validation,
        control_sft: control.after.validation,
        midtrained_sft: midtrained.after.validation,
      },
      mixtures: {
        trunk: trunk.mixture,
        control: control.before.mixture,
        midtrained: midtrained.before.mixture,
      },
      samples: {
        trunk: trunk.samples,
        midtrained: midtrained.before.samples,
        midtrained_sft: midtrained.after.samples,
      },
      data: data.summary,
    },
  });
  recipe.publish(page.report);
}
