/**
 * The midtrain stage: training goes on from a checkpoint, with its schedule, optimizer state and data position,
 * on another mixture (paper, section 3). A control arm is this stage with the mixture left out.
 *
 * @module
 */
import { defineStage, type InspectContext, many, ports } from "../../core/stage/mod.ts";
import {
  batchSample,
  checkpointReader,
  loadArrays,
  loadTrainerState,
  type MixturePhase,
  mixturePhase,
  type TrainerState,
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

async function preparePhase(
  { config, inputs, log }: Context,
): Promise<MixturePhase & { state: TrainerState }> {
  const state = await loadTrainerState(checkpointReader(inputs.checkpoint));
  const left = state.schedule.horizon_steps - state.step;
  const steps = config.steps ?? left;
  if (steps < 1 || steps > left) {
    throw new Error(
      `the schedule ends at step ${state.schedule.horizon_steps} and the checkpoint stands at step ` +
        `${state.step}: ${steps} more steps do not fit; raise horizon_steps of the first phase`,
    );
  }
  // The trunk's seed: the order of the data goes on, so that nothing drawn before is drawn again.
  const start = { ...state, phase: "midtrain" };
  return { state, ...await mixturePhase({ ...inputs, config, steps, start, log }) };
}

export const midtrain = defineStage({
  name: "midtrain",
  version: "3",
  description:
    "Goes on training from a checkpoint on another mixture, schedule and optimizer kept.",
  config,
  inputs,
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  async run(ctx) {
    const { inputs: { checkpoint }, outputs } = ctx;
    const { state, phase, ledger } = await preparePhase(ctx);
    const result = await trainPhase(
      ctx,
      phase,
      () => loadArrays(checkpointReader(checkpoint), state),
    );
    await writePhase(outputs, phase, result, checkpoint);
    await outputs.mixture.write(ledger());
  },
  async inspect(ctx, at) {
    return batchSample((await preparePhase(ctx)).phase, ctx.inputs.checkpoint, at);
  },
});
