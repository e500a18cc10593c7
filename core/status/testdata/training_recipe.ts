/** A recipe that really trains, on synthetic tokens, for longer than any test takes. */
import { computeOptions } from "../../engine/mod.ts";
import { z } from "zod";
import { BatchSource, type Sequence } from "../../batches/mod.ts";
import { initialize, ParameterArrays } from "../../model/mod.ts";
import { defineRecipe } from "../../recipe/mod.ts";
import { defineStage, ports } from "../../stage/mod.ts";
import {
  freshArrays,
  model_schema,
  modelConfig,
  optimizer_schema,
  type Phase,
  schedule_schema,
  trainPhase,
} from "../../train/mod.ts";

const LENGTH = 64;
const BATCH = 8;
const VOCAB_SIZE = 64;

const model = modelConfig(
  model_schema.parse({
    hidden_size: 128,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 512,
  }),
  VOCAB_SIZE,
);
const optimizer = optimizer_schema.parse({});

/** Tokens follow x -> (2 x + 1) mod 63, which is quickly learned. */
function sequence(first: number): Sequence {
  const tokens = new Uint16Array(LENGTH + 1);
  tokens[0] = first % 63;
  for (let i = 0; i < LENGTH; i++) tokens[i + 1] = (2 * tokens[i] + 1) % 63;
  return { tokens, loss_spans: [0, tokens.length], source: "synthetic" };
}

const phaseOf = (steps: number): Phase => ({
  steps,
  start: {
    format: 2,
    step: 0,
    tokens: 0,
    schedule: {
      ...schedule_schema.parse({ peak_lr: 1e-3, warmup_ratio: 0.01 }),
      horizon_steps: steps,
    },
    optimizer,
    mixture: [],
    packing: { packing: "concatenate", document_mask: false },
    available: {},
    sequence_length: LENGTH,
    global_batch_size: BATCH,
    seed: 1,
    phase: "pretrain",
  },
  batches: new BatchSource({
    batch: (step) => Array.from({ length: BATCH }, (_, i) => sequence(BATCH * step + i)),
  }, { micro_batch_size: BATCH, lengths: [LENGTH] }),
  validation: new Map(),
  validate_every: steps,
  compute: computeOptions(),
});

const train = defineStage({
  name: "train",
  version: "1",
  description: "Trains a small model.",
  config: z.strictObject({ steps: z.int() }),
  inputs: {},
  outputs: { checkpoint: ports.checkpoint },
  async run(ctx) {
    const { files } = await trainPhase(ctx, phaseOf(ctx.config.steps), () => {
      const parameters = new ParameterArrays(model, optimizer.decay_scope);
      initialize(parameters, ctx.seed);
      return Promise.resolve(freshArrays(parameters));
    });
    for (const [name, bytes] of Object.entries(files)) {
      await ctx.outputs.checkpoint.write(name, bytes);
    }
  },
});

const header = { name: "training", description: "Trains a small model.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  recipe.step("trunk", train, { config: { steps: 5000 } });
});
