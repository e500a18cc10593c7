/**
 * Overrides: fields of a recipe that the command line sets, `--set sft.epochs=2`.
 *
 * They change what the recipe gives, before defaults are filled in and anything is checked. So the keys of a run are
 * those of a recipe that is written that way.
 *
 * @module
 */
import type { AnyStage } from "../stage/mod.ts";
import { Field } from "./config_fields.ts";
import { type Draft, type GivenStep, whereOf } from "./draft.ts";
import type { Problem } from "./problems.ts";

/** One override that reached a step. */
export interface Override {
  /** Place in the config. */
  readonly path: readonly string[];
  /** As it was written: `--set sft.epochs=many`. */
  readonly flag: string;
  /** What may stand there, in words: `number > 0`. */
  readonly takes?: string;
}

/** Leads the name of a stage, for an override of all its steps. Ids of steps hold no colon. */
const OF_STAGE = "stage:";

/**
 * The draft with overrides, of which a later one wins.
 *
 * @param texts `PATH=VALUE`. A path is a step and a place in its config, with dots between fields and indices of
 *   lists; `stage:NAME` in place of a step means all steps of a stage; `seed` alone is the recipe's. A value is
 *   JSON, or else a string.
 * @returns the draft; what is wrong with an override is among its problems.
 *
 * @example
 * ```ts
 * import { defineRecipe } from "./recipe.ts";
 * import { applyOverrides } from "./overrides.ts";
 * import { numbers } from "./testdata/stages.ts";
 * import assert from "node:assert/strict";
 *
 * const recipe = defineRecipe({ name: "tiny", description: "", seed: 1 }, (recipe) => {
 *   recipe.step("few", numbers, { config: { count: 3 } });
 * });
 * const changed = applyOverrides(recipe.given!, ["few.count=5", "seed=2"]);
 * assert.deepEqual(changed.steps[0].config, { count: 5 });
 * assert.equal(changed.header.seed, 2);
 * ```
 */
export function applyOverrides(draft: Draft, texts: readonly string[]): Draft {
  return texts.reduce(applyOverride, draft);
}

function applyOverride(draft: Draft, text: string): Draft {
  const flag = `--set ${text}`;
  const refuse = (what: string): Draft => {
    const problem = { message: `${flag}: ${what}` };
    return { ...draft, problems: [...draft.problems, problem] };
  };
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals));
  if (path === "") return refuse("write a path and a value, as in sft.epochs=2");
  const value = parseValue(text.slice(equals + 1));
  if (path === "seed") return { ...draft, header: { ...draft.header, seed: value as number } };
  const target = findTarget(draft.steps, path);
  if (typeof target === "string") return refuse(target);
  const problems: Problem[] = [];
  const steps = draft.steps.map((step) => {
    // What is wrong with its stage is told elsewhere.
    if (!target.steps.includes(step) || !step.stage) return step;
    const changed = overrideStep(step, step.stage, target.rest, value, flag);
    if (typeof changed !== "string") return changed;
    problems.push({ message: `${flag}: ${changed}` });
    return step;
  });
  return { ...draft, steps, problems: [...draft.problems, ...problems] };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The steps that a path begins with, and the rest of it; or why there are none. */
function findTarget(steps: readonly GivenStep[], path: string) {
  const of_stage = path.startsWith(OF_STAGE);
  const rest = of_stage ? path.slice(OF_STAGE.length) : path;
  const nameOf = (step: GivenStep) => of_stage ? step.stage?.name : step.id;
  const names = [...new Set(steps.map(nameOf))].filter((name) => name !== undefined);
  const name = longestHead(names, rest);
  const kind = of_stage ? "step of a stage" : "step";
  if (name === undefined) {
    const others = of_stage ? "" : `; seed is the recipe's, ${OF_STAGE}NAME all steps of a stage`;
    const known = `the ${of_stage ? "stages" : "steps"} are ${names.join(", ")}`;
    return `there is no ${kind} "${rest.split(".")[0]}"; ${known}${others}`;
  }
  return {
    steps: steps.filter((step) => nameOf(step) === name),
    rest: rest.slice(name.length + 1),
  };
}

/** The longest of some names that a path begins with: names may hold dots too. */
function longestHead(names: readonly string[], path: string): string | undefined {
  const heads = names.filter((name) => path === name || path.startsWith(`${name}.`));
  return heads.sort((a, b) => b.length - a.length)[0];
}

/** The step with one field set, or why it cannot be. */
function overrideStep(
  step: GivenStep,
  stage: AnyStage,
  path: string,
  value: unknown,
  flag: string,
): GivenStep | string {
  const root = Field.of(stage.config);
  if (path === "") return `name a field of ${whereOf(step)}${fieldsOf(root)}`;
  const keys: string[] = [];
  try {
    const config = setAt(step.config, root, path, value, keys);
    const field = keys.reduce((field, key) => field.at(key), root);
    const override = { path: keys, flag, takes: field.description };
    return { ...step, config, overrides: [...step.overrides ?? [], override] };
  } catch (error) {
    return `${whereOf(step)}: ${(error as Error).message}`;
  }
}

/**
 * A copy of what was given with one place in it set.
 *
 * @param path what is left of the path.
 * @param keys what was gone through of it; gets the rest.
 * @throws {TypeError} when the path leads nowhere.
 */
function setAt(
  given: unknown,
  field: Field,
  path: string,
  value: unknown,
  keys: string[],
): unknown {
  if (path === "") return value;
  const at = ["config", ...keys].join(".");
  const container = (given ?? (field.is_list ? [] : {})) as Readonly<Record<string, unknown>>;
  if (typeof container !== "object") {
    throw new TypeError(`${at} is ${JSON.stringify(given)}, with no fields to set; replace it`);
  }
  const names = [...Object.keys(container), ...field.names];
  const key = longestHead(names, path) ?? path.split(".")[0];
  if (Array.isArray(container)) checkIndex(container, key, at);
  const inner = field.at(key);
  if (inner.is_nothing) throw new TypeError(`${at} has no field "${key}"${fieldsOf(field)}`);
  keys.push(key);
  const old = Object.hasOwn(container, key) ? container[key] : undefined;
  const changed = setAt(old, inner, path.slice(key.length + 1), value, keys);
  if (!Array.isArray(container)) return { ...container, [key]: changed };
  return container.toSpliced(Number(key), 1, changed);
}

function fieldsOf(field: Field): string {
  return field.names.length === 0 ? "" : `; its fields are ${field.names.join(", ")}`;
}

function checkIndex(list: readonly unknown[], key: string, at: string): void {
  if (/^\d+$/.test(key) && Number(key) <= list.length) return;
  const last = list.length === 0 ? "" : `0 to ${list.length - 1} are there, `;
  throw new TypeError(`${at} is a list: ${last}${list.length} adds an entry, "${key}" is neither`);
}
