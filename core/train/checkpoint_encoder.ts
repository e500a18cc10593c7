/**
 * What a checkpoint is made from, as plain data that crosses threads, and the files it becomes. The thread that writes
 * checkpoints loads this module.
 *
 * @module
 */
import { ParameterArrays } from "../model/mod.ts";
import type { TrainingArrays } from "./arrays.ts";
import { encodeCheckpoint, type TrainerState } from "./checkpoint.ts";

/** The memory of parameter arrays, without their methods. */
export type Storage = Pick<ParameterArrays, "groups" | "views">;

/** Where a run stands, with its measurements so far. */
export interface Snapshot {
  readonly arrays:
    & Pick<TrainingArrays, "steps" | "loss_scale">
    & { readonly [K in "parameters" | "m" | "v"]: Storage }
    & { readonly shape: Pick<ParameterArrays, "config" | "decay_scope"> };
  readonly state: TrainerState;
  /** `metrics.json`. */
  readonly metrics: Uint8Array;
}

/** The files of a checkpoint of an unfinished step. */
export default function encodeSnapshot(
  { arrays, state, metrics }: Snapshot,
): Record<string, Uint8Array> {
  const { shape, steps, loss_scale } = arrays;
  const [parameters, m, v] = [arrays.parameters, arrays.m, arrays.v].map((storage) =>
    // The memory that the constructor reserves is never touched.
    Object.assign(new ParameterArrays(shape.config, shape.decay_scope), storage)
  );
  const files = encodeCheckpoint({ parameters, m, v, steps, loss_scale }, state);
  return { ...files, "metrics.json": metrics };
}
