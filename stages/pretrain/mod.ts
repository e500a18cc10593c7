/**
 * The pretrain stage: trains a model from random weights on a mixture of packed sources.
 *
 * @module
 */
import { z } from "zod";
import { mixture_schema, packing_schema } from "@causeway/core/batches";
import { positive_int } from "@causeway/core/config";
import { computeNeeds } from "@causeway/core/engine";
import { initialize, ParameterArrays, parameterCount } from "@causeway/core/model";
import {
  defineStage,
  type InspectContext,
  many,
  ports,
  type TokenizerForecast,
} from "@causeway/core/stage";
import { vocabularySize } from "@causeway/core/tokenizer";
import {
  batchSample,
  checkHorizon,
  freshArrays,
  freshState,
  horizonSteps,
  type Length,
  length_fields,
  lengthSteps,
  mixture_phase_fields,
  mixtureForecast,
  type MixturePhase,
  mixturePhase,
  model_schema,
  modelConfig,
  optimizer_schema,
  resolveSchedule,
  schedule_schema,
  type StepSize,
  training_outputs,
  trainPhase,
  writePhase,
} from "@causeway/core/train";
import { counted, errorText } from "@causeway/core/words";

const config = z.strictObject({
  model: model_schema,
  /**
   * Number of embedding rows, at least the tokenizer's vocabulary, which is the default. Larger values pad the vocabulary:
   * Pythia's is padded to 50,304.
   */
  vocab_size: positive_int.optional(),
  /**
   * Initial weights: "family" as transformers has them, GPT-NeoX normal with 0.02 and 0.02 / √(2 L) into the residual stream;
   * "litgpt" as the authors' code, with √(0.4 / d) and 1 / (√d L), for hidden size d and L layers.
   */
  initialization: z.enum(["family", "litgpt"]).default("family"),
  /**
   * Shares of the training tokens by source, such as `{ general: 0.8, code: 0.2 }`; or points along the phase,
   * `[{ after_tokens, weights, change }]`, to switch or move to another mixture at an exact token.
   */
  mixture: mixture_schema,
  ...packing_schema.shape,
  /** Input tokens per sequence. */
  sequence_length: positive_int.default(512),
  /** Sequences per optimizer step. */
  global_batch_size: positive_int.default(64),
  ...length_fields,
  schedule: schedule_schema,
  optimizer: optimizer_schema.prefault({}),
  ...mixture_phase_fields,
}).superRefine((config, context) => {
  const refuse = (field: keyof typeof config, message: string) =>
    context.addIssue({ code: "custom", message, path: [field] });
  if ((config.steps === undefined) === (config.tokens === undefined)) {
    refuse("steps", "set either steps or tokens");
    return;
  }
  if (config.horizon_steps !== undefined && config.horizon_tokens !== undefined) {
    refuse("horizon_tokens", "set either horizon_tokens or horizon_steps, not both");
    return;
  }
  const attempt = (field: keyof typeof config, check: () => void) => {
    try {
      check();
    } catch (error) {
      refuse(field, errorText(error));
    }
  };
  attempt("tokens", () => lengthSteps(config, config));
  attempt("horizon_tokens", () => {
    const { steps, horizon_steps } = phaseLength(config);
    attempt("horizon_steps", () => checkHorizon(steps, horizon_steps));
    attempt("schedule", () => resolveSchedule(config.schedule, horizon_steps));
  });
});

/** Steps of the phase and of its schedule. @throws {Error} when tokens are not a whole number of steps. */
function phaseLength(config: Length & StepSize): { steps: number; horizon_steps: number } {
  const steps = lengthSteps(config, config)!;
  return { steps, horizon_steps: horizonSteps(config, config) ?? steps };
}

type Config = z.output<typeof config>;

const inputs = {
  tokenizer: ports.tokenizer,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
};

type Context = InspectContext<Config, typeof inputs>;

/** The state before the first step. */
function begin({ config, seed }: Pick<Context, "config" | "seed">) {
  const { sequence_length, global_batch_size, optimizer, packing, document_mask } = config;
  const { steps, horizon_steps } = phaseLength(config);
  const start = freshState({
    schedule: resolveSchedule(config.schedule, horizon_steps),
    optimizer,
    sequence_length,
    global_batch_size,
    packing: { packing, document_mask },
    seed,
    phase: "pretrain",
  });
  return { steps, start };
}

function preparePhase({ config, inputs, seed, log }: Context): Promise<MixturePhase> {
  return mixturePhase({ ...inputs, config, ...begin({ config, seed }), log });
}

/** The number of embedding rows. @throws {Error} when the tokenizer has more tokens. */
function paddedVocabulary(
  known: number,
  { vocab_size = known }: Pick<Config, "vocab_size">,
): number {
  if (vocab_size >= known) return vocab_size;
  throw new Error(
    `vocab_size ${vocab_size} is smaller than the tokenizer's vocabulary of ${known}; raise it or remove it`,
  );
}

export const pretrain = defineStage({
  name: "pretrain",
  version: "8",
  description: "Trains a model from random weights on a mixture of sources.",
  config,
  inputs,
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  parallel: true,
  async run(ctx) {
    const { config: { optimizer, ...config }, inputs, outputs, seed } = ctx;
    const known = vocabularySize(await inputs.tokenizer.text("tokenizer.json"));
    const model = modelConfig(config.model, paddedVocabulary(known, config));
    ctx.log(`model with ${counted(parameterCount(model), "parameter")}`);
    const { phase: mixed, ledger } = await preparePhase(ctx);
    const phase = { ...mixed, tokenizer: inputs.tokenizer };
    const result = await trainPhase(ctx, phase, () => {
      const parameters = new ParameterArrays(model, optimizer.decay_scope);
      initialize(parameters, seed, config.initialization);
      return Promise.resolve(freshArrays(parameters));
    });
    await writePhase(outputs, phase, result);
    await outputs.mixture.write(ledger());
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.tokenizer, at);
  },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast(ctx) {
    const { config, parents } = ctx;
    const tokenizer = parents.tokenizer as TokenizerForecast | undefined;
    if (!tokenizer) return { notes: ["the model's size is unknown until the tokenizer exists"] };
    const model = modelConfig(config.model, paddedVocabulary(tokenizer.vocab_size, config));
    return mixtureForecast({ ...parents, ...begin(ctx), model, config });
  },
});
