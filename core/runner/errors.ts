/**
 * The errors that a run ends with, and errors as plain data, which cross from a step's worker to the runner.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Step } from "../recipe/mod.ts";

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

/**
 * The place in a stage's own code where an error was thrown, "/home/me/my_stage.ts:12:5": the first frame that is not
 * code of core, of the built-in stages, or of a package.
 */
export function ownFrame(error: unknown): string | undefined {
  const { stack = "" } = toPlainError(error);
  for (const [, url, place] of stack.matchAll(/\(?(file:\/\/\S+?)(:\d+:\d+)\)?$/gm)) {
    if (!NOT_OWN.some((folder) => url.startsWith(folder)) && !url.includes("/node_modules/")) {
      return fileURLToPath(url) + place;
    }
  }
}

const NOT_OWN = ["core/", "stages/"].map((folder) =>
  new URL(`../../${folder}`, import.meta.url).href
);

export function fromPlainError({ name, message, stack, code }: PlainError): Error {
  const error = new Error(message);
  return Object.assign(error, { name, stack, code });
}

/** A step stopped early because the run was asked to stop. */
export class Interrupted extends Error {
  override name = "Interrupted";
  /** @param forced why the step had to be terminated; undefined when it stopped by itself. */
  constructor(readonly forced?: string) {
    super(forced ?? "the run was asked to stop");
  }
}

/**
 * The interruption, if that is what ended a step, and not a failure such as a checkpoint that could not be written.
 *
 * @param error what the step ended with. An `Interrupted` of another thread arrives as a plain error of that name.
 */
export function asInterrupted(error: unknown, signal: AbortSignal): Interrupted | undefined {
  if (!signal.aborted) return undefined;
  if (error instanceof Interrupted) return error;
  const is_stop = error === signal.reason || toPlainError(error).name === "Interrupted";
  return is_stop ? new Interrupted() : undefined;
}

/** A step failed. The message names it; results of finished steps are kept. */
export class StepFailed extends Error {
  override name = "StepFailed";
  readonly code?: string;
  constructor(step: Step, cause: unknown) {
    const { message, code } = toPlainError(cause);
    super(`step "${step.id}" (stage ${step.stage.name}) failed: ${message}`, { cause });
    this.code = code;
  }
}

/** The error to report when several steps ended with one: a failure, else a forced stop, else any stop. */
export function mostSevere(errors: readonly unknown[]): unknown {
  const isForced = (error: unknown) => error instanceof Interrupted && error.forced !== undefined;
  return errors.find((error) => !(error instanceof Interrupted)) ?? errors.find(isForced) ??
    errors[0];
}
