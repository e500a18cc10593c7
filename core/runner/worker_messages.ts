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
    /** Module or JSON file of the recipe, and how the runner loaded it. */
    recipe: string;
    load: LoadOptions;
    /** Module that exports the stage of a plugin; a restricted worker loads it instead of the recipe. */
    plugin?: string;
    /** The step as planned, its config as canonical JSON. */
    step: { stage: string; version: string; seed: number; config: string };
    job: StepJob;
    /** One Int32, one of `COMMAND`. It reaches a stage that never returns to its event loop. */
    command: SharedArrayBuffer;
  }
  | { type: "stop" };

/** What the runner wants a step to do. */
export const COMMAND = { run: 0, stop: 1, pause: 2 } as const;

/** From the worker. */
export type FromWorker =
  /** The step is loaded, which may take long and cannot be stopped, and runs from now on. */
  | { type: "loaded" }
  | { type: "report"; points: readonly Point[]; total?: number }
  | { type: "log"; message: string }
  | { type: "sample"; done: number; sample: Sample }
  | { type: "finished"; outputs: Record<string, Artifact> }
  | { type: "failed"; error: PlainError };
