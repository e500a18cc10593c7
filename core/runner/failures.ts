/**
 * What a run ends with when it does not reach its end.
 *
 * @module
 */
import type { Step } from "../recipe/mod.ts";
import { Interrupted, toPlainError } from "./worker_messages.ts";

/** A step failed; the message names it. Finished steps are kept. */
export class StepFailed extends Error {
  override name = "StepFailed";
  readonly code?: string;
  constructor(step: Step, cause: unknown) {
    const { message, code } = toPlainError(cause);
    super(`step "${step.id}" (stage ${step.stage.name}) failed: ${message}`, { cause });
    this.code = code;
  }
}

/** What to tell of several: a failure before a stop, and of stops the one that had to be forced. */
export function gravest(errors: readonly unknown[]): unknown {
  const isForced = (error: unknown) => error instanceof Interrupted && error.forced !== undefined;
  return errors.find((error) => !(error instanceof Interrupted)) ?? errors.find(isForced) ??
    errors[0];
}
