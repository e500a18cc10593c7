/**
 * Checks the config of a step by its stage's schema.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { canonicalJson, type Json } from "../store/mod.ts";
import { type GivenStep, whereOf } from "./draft.ts";
import type { Problem } from "./problems.ts";

/** A config that was looked at: defaults filled in, keys sorted; or what is wrong with it. */
export type Validated =
  | { readonly config: Json; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/** A schema may read data or ask the network, so that no config is looked at twice. */
const seen = new WeakMap<GivenStep, Validated | Promise<Validated>>();

/**
 * Checks a config.
 *
 * @param step with a stage.
 * @returns asynchronous where the schema is; the promise does not reject.
 */
export function validate(step: GivenStep): Validated | Promise<Validated> {
  const before = seen.get(step);
  if (before) return before;
  const result = validateAnew(step);
  seen.set(step, result);
  return result;
}

function validateAnew(step: GivenStep): Validated | Promise<Validated> {
  const failed = (cause: unknown): Validated => {
    const message = cause instanceof Error ? cause.message : String(cause);
    return { problems: [{ message: `${whereOf(step)}: ${message}`, cause }] };
  };
  const plain = (result: StandardSchemaV1.Result<unknown>): Validated =>
    result.issues
      ? { problems: result.issues.map((issue) => sayIssue(step, issue)) }
      // The form that keys are made from.
      : { config: JSON.parse(canonicalJson(result.value, "config")) };
  try {
    const schema = step.stage!.config as StandardSchemaV1;
    const result = schema["~standard"].validate(step.config);
    return result instanceof Promise ? result.then(plain).catch(failed) : plain(result);
  } catch (error) {
    return failed(error);
  }
}

function sayIssue(step: GivenStep, { path = [], message }: StandardSchemaV1.Issue): Problem {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  const set = step.overrides?.findLast(({ path }) => path.every((part, i) => part === keys[i]));
  const takes = set?.takes === undefined ? "" : `; it takes ${set.takes}`;
  const from = set === undefined ? "" : ` (${set.flag}${takes})`;
  return { message: `${whereOf(step)}: ${["config", ...keys].join(".")}: ${message}${from}` };
}
