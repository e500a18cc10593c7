/**
 * Messages between the runner and the worker of a step.
 *
 * @module
 */
import type { Artifact } from "../store/mod.ts";
import type { Point } from "../runs/mod.ts";
import type { PlainError } from "./errors.ts";
import type { Sample, StepJob } from "./execute.ts";
import type { LoadOptions } from "../recipe/mod.ts";

/** To the worker: one job, then perhaps a request to stop. */
export type ToWorker =
  | {
    type: "start";
    step: StepSource;
    job: StepJob;
    /** One Int32, one of `COMMAND`. It reaches a stage that never returns to its event loop. */
    command: SharedArrayBuffer;
  }
  | { type: "stop" };

/** Where the worker gets the step from. `config` is the planned one, as canonical JSON. */
export type StepSource =
  /** The recipe, loaded as the runner loaded it. */
  | { readonly recipe: string; readonly load: LoadOptions; readonly config: string }
  /** A module that exports the stage, for a plugin in a restricted worker. */
  | {
    readonly plugin: string;
    readonly name: string;
    readonly version: string;
    readonly seed: number;
    readonly config: string;
  };

/** What the runner wants a step to do. */
export const COMMAND = { run: 0, stop: 1, pause: 2 } as const;

/** From the worker. */
export type FromWorker =
  | { type: "report"; points: readonly Point[]; total?: number }
  | { type: "log"; message: string }
  | { type: "sample"; done: number; sample: Sample }
  | { type: "finished"; outputs: Record<string, Artifact> }
  | { type: "failed"; error: PlainError };
