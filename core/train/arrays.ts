/**
 * What training changes, in host memory.
 *
 * @module
 */
import { ParameterArrays } from "../model/mod.ts";
import type { LossScaleState } from "./loss_scale.ts";

/** Weights and optimizer state. */
export interface TrainingArrays {
  readonly parameters: ParameterArrays;
  /** First and second moments of the gradient. */
  readonly m: ParameterArrays;
  readonly v: ParameterArrays;
  /** Optimizer steps taken: t of the bias corrections. */
  readonly steps: number;
  /** Where products are computed in float16. */
  readonly loss_scale?: LossScaleState;
}

/** The state before the first step of an optimizer: no moments yet. */
export function freshArrays(parameters: ParameterArrays): TrainingArrays {
  const { config, decay_scope } = parameters;
  return {
    parameters,
    m: new ParameterArrays(config, decay_scope),
    v: new ParameterArrays(config, decay_scope),
    steps: 0,
  };
}
