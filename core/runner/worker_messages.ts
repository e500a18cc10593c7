/**
 * Messages between the runner and the worker of a step.
 *
 * @module
 */
import type { Artifact } from "../store/mod.ts";
import type { Point } from "../runs/mod.ts";
import type { Sample, StepJob } from "./execute.ts";
import type { LoadOptions } from "../recipe/mod.ts";

/** To the worker: one job, then perhaps a request to stop. */
export type ToWorker =
  | {
    type: "start";
    /** Module whose default export is the recipe. */
    recipe: string;
    /** How it was loaded. */
    load: LoadOptions;
    job: StepJob;
    /** The config that was planned, to notice that the file was changed since. */
    config: string;
    /** One Int32, one of `ORDER`. It reaches a stage that never returns to its event loop. */
    orders: SharedArrayBuffer;
  }
  | { type: "stop" };

/** What the runner wants of a step. */
export const ORDER = { go_on: 0, stop: 1, pause: 2 } as const;

/** From the worker. */
export type FromWorker =
  | { type: "report"; points: readonly Point[]; total?: number }
  | { type: "log"; message: string }
  | { type: "sample"; done: number; sample: Sample }
  | { type: "finished"; outputs: Record<string, Artifact> }
  | { type: "failed"; error: PlainError };

/** An error as plain data. */
export interface PlainError {
  name: string;
  message: string;
  stack?: string;
  code?: string;
}

export function toPlainError(value: unknown): PlainError {
  if (!(value instanceof Error)) return { name: "Error", message: String(value) };
  const { name, message, stack } = value;
  const code = (value as { code?: unknown }).code;
  return { name, message, stack, code: typeof code === "string" ? code : undefined };
}

export function fromPlainError({ name, message, stack, code }: PlainError): Error {
  const error = new Error(message);
  return Object.assign(error, { name, stack, code });
}

/** Why a step stopped before its end: the run was asked to. */
export class Interrupted extends Error {
  override name = "Interrupted";
  /** @param forced why the step had to be ended; undefined when it stopped by itself. */
  constructor(readonly forced?: string) {
    super(forced ?? "the run was asked to stop");
  }
}

/**
 * The stop itself, if that is what ended a step: a checkpoint that could not be written on the way out is a failure.
 *
 * @param error what the step ended with; another thread's error is no `Interrupted` any more.
 */
export function asInterrupted(error: unknown, signal: AbortSignal): Interrupted | undefined {
  if (!signal.aborted) return undefined;
  if (error instanceof Interrupted) return error;
  const is_stop = error === signal.reason || toPlainError(error).name === "Interrupted";
  return is_stop ? new Interrupted() : undefined;
}
