/**
 * The midtrain stage: training goes on from a checkpoint, with its schedule, optimizer state and data position,
 * on another mixture (paper, section 3). A control arm is this stage with the mixture left out.
 *
 * @module
 */
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import {
  checkpointReader,
  loadArrays,
  loadTrainerState,
  mixturePhase,
  training_outputs,
  trainPhase,
  writePhase,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

export const midtrain = defineStage({
  name: "midtrain",
  version: "3",
  description:
    "Goes on training from a checkpoint on another mixture, schedule and optimizer kept.",
  config,
  inputs: {
    checkpoint: ports.checkpoint,
    train: many(ports.tokens),
    validation: many(ports.tokens, 0),
  },
  outputs: { ...training_outputs, mixture: ports.mixture_ledger },
  async run(ctx) {
    const { config, inputs, outputs } = ctx;
    const read = checkpointReader(inputs.checkpoint);
    const state = await loadTrainerState(read);
    const left = state.schedule.horizon_steps - state.step;
    const steps = config.steps ?? left;
    if (steps < 1 || steps > left) {
      throw new Error(
        `the schedule ends at step ${state.schedule.horizon_steps} and the checkpoint stands at step ` +
          `${state.step}: ${steps} more steps do not fit; raise horizon_steps of the first phase`,
      );
    }
    const { phase, ledger } = await mixturePhase({
      ...inputs,
      config,
      steps,
      log: ctx.log,
      // The trunk's seed: the order of the data goes on, so that nothing drawn before is drawn again.
      start: { ...state, phase: "midtrain" },
    });
    const result = await trainPhase(ctx, phase, () => loadArrays(read, state));
    await writePhase(outputs, result, inputs.checkpoint);
    await outputs.mixture.write(ledger());
  },
});
