/**
 * The pretrain stage: a GPT-NeoX model from random weights, on a mixture of packed sources.
 *
 * @module
 */
import { initialize, ParameterArrays, parameterCount } from "../../core/model/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import { vocabularySize } from "../../core/tokenizer/mod.ts";
import {
  freshArrays,
  freshState,
  mixturePhase,
  modelConfig,
  training_outputs,
  trainPhase,
  writePhase,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

export const pretrain = defineStage({
  name: "pretrain",
  version: "3",
  description: "Trains a model from random weights on a mixture of sources.",
  config,
  inputs: {
    tokenizer: ports.tokenizer,
    train: many(ports.tokens),
    validation: many(ports.tokens, 0),
  },
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  async run(ctx) {
    const { config, inputs, outputs, seed } = ctx;
    const vocab_size = vocabularySize(await inputs.tokenizer.text("tokenizer.json"));
    const model = modelConfig(config.model, vocab_size);
    ctx.log(`model of ${parameterCount(model).toLocaleString("en")} parameters`);
    const { steps, sequence_length, global_batch_size, optimizer, packing, document_mask } = config;
    const { phase, ledger } = await mixturePhase({
      ...inputs,
      config,
      steps,
      log: ctx.log,
      start: freshState({
        schedule: { ...config.schedule, horizon_steps: config.horizon_steps ?? steps },
        optimizer,
        sequence_length,
        global_batch_size,
        packing: { packing, document_mask },
        seed,
        phase: "pretrain",
      }),
    });
    const result = await trainPhase(ctx, phase, () => {
      const parameters = new ParameterArrays(model, optimizer.decay_scope);
      initialize(parameters, seed);
      return Promise.resolve(freshArrays(parameters));
    });
    await writePhase(outputs, result, inputs.tokenizer);
    await outputs.mixture.write(ledger());
  },
});
