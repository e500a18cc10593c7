/**
 * The midtrain stage: continues training from a checkpoint on another mixture. By default it keeps the schedule, optimizer
 * state and data position (paper, section 3); each of them can be reset. Without a mixture it is a control arm.
 *
 * @module
 */
import { z } from "zod";
import { computeNeeds } from "@causeway/core/engine";
import { defineStage, type InspectContext, many, ports } from "@causeway/core/stage";
import {
  batchSample,
  branch_fields,
  branchFrom,
  type CheckpointForecast,
  checkpointReader,
  isImported,
  loadArrays,
  loadTrainerState,
  mixture_phase_fields,
  mixtureForecast,
  type MixturePhase,
  mixturePhase,
  training_outputs,
  trainPhase,
  writePhase,
} from "@causeway/core/train";

const config = z.strictObject({
  ...branch_fields,
  ...mixture_phase_fields,
}).superRefine((config, context) => {
  const refuse = (field: keyof typeof config, message: string) =>
    context.addIssue({ code: "custom", message, path: [field] });
  const { steps, tokens, horizon_steps, horizon_tokens, schedule, mixture } = config;
  if (steps !== undefined && tokens !== undefined) {
    refuse("tokens", "set either tokens or steps, not both");
  }
  if (horizon_steps !== undefined && horizon_tokens !== undefined) {
    refuse("horizon_tokens", "set either horizon_tokens or horizon_steps, not both");
  }
  if (schedule === "keep" && (horizon_steps ?? horizon_tokens) !== undefined) {
    refuse("schedule", '"keep" also keeps the horizon: remove it, or set a new schedule');
  }
  if (config.data === "restart" && mixture === undefined) {
    refuse("mixture", 'must be set with data "restart", which does not continue the previous one');
  }
  if (config.preset === "continued_pretrain" && mixture === undefined) {
    refuse("mixture", "must be set for continued_pretrain, which trains on specialised data alone");
  }
});

type Config = z.output<typeof config>;

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens, 0),
};

type Context = InspectContext<Config, typeof inputs>;

async function preparePhase({ config, inputs, seed, log }: Context): Promise<MixturePhase> {
  const state = await loadTrainerState(checkpointReader(inputs.checkpoint));
  const begin = branchFrom(state, "midtrain", config, { seed, parent: inputs.checkpoint.digest });
  if (isImported(state) && config.optimizer === "keep") {
    log(
      "an imported model has no optimizer state: AdamW starts with empty moments and its defaults",
    );
  }
  return await mixturePhase({ ...inputs, tokenizer: inputs.checkpoint, config, ...begin, log });
}

export const midtrain = defineStage({
  name: "midtrain",
  version: "9",
  description:
    "Continues training from a checkpoint on another mixture; schedule, optimizer and data position are kept or reset.",
  config,
  inputs,
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  parallel: true,
  async run(ctx) {
    const { inputs: { checkpoint }, outputs } = ctx;
    const { phase: mixed, ledger } = await preparePhase(ctx);
    const phase = { ...mixed, tokenizer: checkpoint };
    const result = await trainPhase(
      ctx,
      phase,
      () => loadArrays(checkpointReader(checkpoint), phase.start),
    );
    await writePhase(outputs, phase, result);
    await outputs.mixture.write(ledger());
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.checkpoint, at);
  },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast({ config, seed, parents }) {
    const checkpoint = parents.checkpoint as CheckpointForecast | undefined;
    if (!checkpoint) return { notes: ["unknown until the checkpoint to start from exists"] };
    const { model, state } = checkpoint;
    const begin = branchFrom(state, "midtrain", config, { seed, parent: "" });
    return mixtureForecast({ ...parents, ...begin, model, config });
  },
});
