/**
 * The select_checkpoint stage: one checkpoint out of those along a training phase, to branch from, evaluate or fine-tune
 * (paper, Figure 4). Its files are those of the series: nothing is copied.
 *
 * @module
 */
import { defineStage, ports } from "../../core/stage/mod.ts";
import {
  checkpoint_series,
  type CheckpointForecast,
  forecastAt,
  takeCheckpoint,
} from "../../core/train/mod.ts";
import { config } from "./config.ts";

export const select_checkpoint = defineStage({
  name: "select_checkpoint",
  version: "1",
  description: "Takes the checkpoint of one step out of those along training.",
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
