/**
 * The select_checkpoint stage: selects one of the checkpoints kept during training, to branch from, evaluate or fine-tune
 * (paper, Figure 4). Its files are shared with the series, not copied.
 *
 * @module
 */
import { z } from "zod";
import { defineStage, ports } from "@causeway/core/stage";
import {
  checkpoint_series,
  type CheckpointForecast,
  forecastAt,
  takeCheckpoint,
} from "@causeway/core/train";

const config = z.strictObject({
  /** Optimizer step of the checkpoint, counted as in the training metrics; the training step must have kept it. */
  step: z.number().int().nonnegative(),
});

type Config = z.output<typeof config>;

export const select_checkpoint = defineStage({
  name: "select_checkpoint",
  version: "1",
  description: "Selects one of the checkpoints kept during training.",
  config,
  inputs: { checkpoints: checkpoint_series },
  outputs: { checkpoint: ports.checkpoint },
  run: ({ config, inputs, outputs }) =>
    takeCheckpoint(inputs.checkpoints, config.step, outputs.checkpoint),
  forecast({ config, parents }) {
    const series = parents.checkpoints as CheckpointForecast | undefined;
    return series ? { outputs: { checkpoint: forecastAt(series, config.step) } } : {};
  },
});
