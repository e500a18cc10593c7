/**
 * The pretrain stage: a GPT-NeoX model from random weights, on a mixture of packed sources.
 *
 * @module
 */
import { initialize, ParameterArrays, parameterCount } from "../../core/model/mod.ts";
import {
  defineStage,
  type InspectContext,
  many,
  ports,
  type TokenizerForecast,
} from "../../core/stage/mod.ts";
import { vocabularySize } from "../../core/tokenizer/mod.ts";
import {
  batchSample,
  freshArrays,
  freshState,
  mixtureForecast,
  type MixturePhase,
  mixturePhase,
  modelConfig,
  resolveSchedule,
  training_outputs,
  trainPhase,
  writePhase,
} from "../../core/train/mod.ts";
import { type Config, config, phaseLength } from "./config.ts";

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

/** @throws {Error} when the tokenizer has tokens beyond the config's. */
function paddedVocabulary(
  known: number,
  { vocab_size = known }: Pick<Config, "vocab_size">,
): number {
  if (vocab_size >= known) return vocab_size;
  throw new Error(
    `vocab_size is ${vocab_size}, and the tokenizer has ${known} tokens; raise it or leave it out`,
  );
}

export const pretrain = defineStage({
  name: "pretrain",
  version: "5",
  description: "Trains a model from random weights on a mixture of sources.",
  config,
  inputs,
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  parallel: true,
  async run(ctx) {
    const { config: { optimizer, ...config }, inputs, outputs, seed } = ctx;
    const known = vocabularySize(await inputs.tokenizer.text("tokenizer.json"));
    const model = modelConfig(config.model, paddedVocabulary(known, config));
    ctx.log(`model of ${parameterCount(model).toLocaleString("en")} parameters`);
    const { phase, ledger } = await preparePhase(ctx);
    const with_tokenizer = { ...phase, tokenizer: inputs.tokenizer };
    const result = await trainPhase(ctx, with_tokenizer, () => {
      const parameters = new ParameterArrays(model, optimizer.decay_scope);
      initialize(parameters, seed);
      return Promise.resolve(freshArrays(parameters));
    });
    await writePhase(outputs, phase, result, inputs.tokenizer);
    await outputs.mixture.write(ledger());
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.tokenizer, at);
  },
  forecast(ctx) {
    const { config, parents } = ctx;
    const tokenizer = parents.tokenizer as TokenizerForecast | undefined;
    if (!tokenizer) return { notes: ["the model's size is known once there is a tokenizer"] };
    const model = modelConfig(config.model, paddedVocabulary(tokenizer.vocab_size, config));
    return mixtureForecast({ ...parents, ...begin(ctx), model, config });
  },
});
