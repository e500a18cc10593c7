/**
 * The midtrain stage: training goes on from a checkpoint on another mixture. By default it keeps schedule, optimizer
 * state and data position (paper, section 3); each of them may begin anew. A control arm is this stage with the
 * mixture left out.
 *
 * @module
 */
import { defineStage, type InspectContext, many, ports } from "../../core/stage/mod.ts";
import {
  batchSample,
  branchFrom,
  type CheckpointForecast,
  checkpointReader,
  loadArrays,
  loadTrainerState,
  mixtureForecast,
  type MixturePhase,
  mixturePhase,
  training_outputs,
  trainPhase,
  writePhase,
} from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
};

type Context = InspectContext<Config, typeof inputs>;

async function preparePhase({ config, inputs, seed, log }: Context): Promise<MixturePhase> {
  const state = await loadTrainerState(checkpointReader(inputs.checkpoint));
  const begin = branchFrom(state, "midtrain", config, { seed, parent: inputs.checkpoint.digest });
  return await mixturePhase({ ...inputs, config, ...begin, log });
}

export const midtrain = defineStage({
  name: "midtrain",
  version: "5",
  description:
    "Goes on training from a checkpoint on another mixture; schedule, optimizer and data are kept or begin anew.",
  config,
  inputs,
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  parallel: true,
  async run(ctx) {
    const { inputs: { checkpoint }, outputs } = ctx;
    const { phase, ledger } = await preparePhase(ctx);
    const result = await trainPhase(
      ctx,
      { ...phase, tokenizer: checkpoint },
      () => loadArrays(checkpointReader(checkpoint), phase.start),
    );
    await writePhase(outputs, phase, result, checkpoint);
    await outputs.mixture.write(ledger());
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.checkpoint, at);
  },
  forecast({ config, seed, parents }) {
    const checkpoint = parents.checkpoint as CheckpointForecast | undefined;
    if (!checkpoint) return { notes: ["nothing is known of the checkpoint it goes on from"] };
    const { model, state } = checkpoint;
    const begin = branchFrom(state, "midtrain", config, { seed, parent: "" });
    return mixtureForecast({ ...parents, ...begin, model, config });
  },
});
