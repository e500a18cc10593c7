/**
 * What is wrong with a recipe, told all at once.
 *
 * @module
 */

import type { Draft } from "./draft.ts";

/** One thing that is wrong, as a sentence that names the step and the field. */
export interface Problem {
  readonly message: string;
  /** What was thrown, where a check failed by throwing. */
  readonly cause?: unknown;
}

/** A recipe that cannot be run. `message` is the only problem, or a line for each under a first one. */
export class RecipeError extends TypeError {
  /**
   * @param subject what has the problems, where there are several: `recipe "tiny"`.
   * @param draft the whole recipe as it was given, which overrides may mend.
   */
  constructor(
    subject: string,
    readonly problems: readonly Problem[],
    readonly draft?: Draft,
  ) {
    super(list(subject, problems), {
      cause: problems.length === 1 ? problems[0].cause : undefined,
    });
  }
}

function list(subject: string, problems: readonly Problem[]): string {
  if (problems.length === 1) return problems[0].message;
  const lines = problems.map(({ message }) => `  ${message.replace(/\s*\n\s*/g, " ")}`);
  return [`${subject} has ${problems.length} problems:`, ...lines].join("\n");
}

/** Calls something that may throw, and gives what it threw as a problem. */
export function problemOf(check: () => void): Problem[] {
  try {
    check();
    return [];
  } catch (cause) {
    return [{ message: cause instanceof Error ? cause.message : String(cause) }];
  }
}
