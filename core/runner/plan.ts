/**
 * The planner: which steps have to run, and why. A pure function of the recipe and the results of earlier runs.
 *
 * @module
 */
import {
  artifactKey,
  canonicalJson,
  type Identity,
  type InputDigests,
  type Json,
  type Manifest,
} from "../store/mod.ts";
import type { PlannedStep } from "../runs/mod.ts";
import { mapWired, type Recipe, type Step, upstream } from "../recipe/mod.ts";

/** The results of earlier runs. */
export interface EarlierResults {
  /** Finished steps by key. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Keys of finished steps whose results cannot be used, with the reason. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Key of the last result of each step of this recipe. */
  readonly last_keys: Readonly<Record<string, string>>;
  /** Keys of interrupted steps that left a checkpoint. */
  readonly unfinished: ReadonlySet<string>;
}

/**
 * Decides on every step, in order.
 *
 * @param only ids of the steps to consider; all by default. Must include the steps they read (see `selectSteps`).
 * @param again ids of steps that run even if they have a result.
 */
export function plan(
  recipe: Recipe,
  earlier: EarlierResults,
  only?: ReadonlySet<string>,
  again?: ReadonlySet<string>,
): PlannedStep[] {
  const planned = new Map<string, PlannedStep>();
  for (const step of recipe.steps) {
    if (only && !only.has(step.id)) continue;
    planned.set(step.id, planStep(step, earlier, planned, again?.has(step.id)));
  }
  return [...planned.values()];
}

/** Whether a step runs, and why. A step whose inputs come out unchanged is skipped later, in run.ts (early cutoff). */
function planStep(
  step: Step,
  earlier: EarlierResults,
  before: Map<string, PlannedStep>,
  again = false,
): PlannedStep {
  const base = { id: step.id, stage: step.stage.name };
  const waits = upstream(step).filter((id) => before.get(id)?.action === "run");
  if (waits.length > 0) {
    const own = changesSinceLast(step, earlier, undefined);
    const reasons = own[0] === NEVER
      ? own
      : [...own, ...waits.map((id) => `runs because ${id} runs`)];
    return { ...base, action: "run", reasons };
  }
  const inputs = mapWired(
    step.inputs,
    ({ step: id, output }) => earlier.manifests.get(before.get(id)!.key!)!.outputs[output].digest,
  );
  const key = artifactKey(identityOf(step, inputs));
  const manifest = earlier.manifests.get(key);
  const unusable = earlier.unusable.get(key) ?? (manifest && outputsProblem(step, manifest));
  if (manifest && unusable === undefined && !again) {
    const same = earlier.last_keys[step.id] === key;
    return {
      ...base,
      action: "skip",
      key,
      reasons: [same ? "up to date" : "made by an earlier run"],
    };
  }
  const changes = changesSinceLast(step, earlier, inputs);
  const reasons = unusable !== undefined
    ? [unusable]
    : changes.length > 0
    ? changes
    : [again ? "asked to run again" : GONE];
  const resumes = earlier.unfinished.has(key) ? ["interrupted, resumes from its checkpoint"] : [];
  return { ...base, action: "run", key, reasons: [...reasons, ...resumes] };
}

/** Everything that decides what a step computes. */
export function identityOf(step: Step, inputs: InputDigests): Identity {
  const { stage, config, seed } = step;
  return { stage: stage.name, version: stage.version, config, seed, inputs };
}

/**
 * The steps to run for a step id or stage name: the named ones and all steps that they read.
 *
 * @param renamed new names of stages by old name, for the message.
 * @throws {TypeError} listing the ids when there is no such step or stage.
 */
export function selectSteps(
  recipe: Recipe,
  name: string,
  renamed: Readonly<Record<string, string>> = {},
): Set<string> {
  return withUpstream(recipe, namedSteps(recipe, name, renamed));
}

/** Ids of the steps that a step id or stage name names. Throws as {@link selectSteps}. */
export function namedSteps(
  recipe: Recipe,
  name: string,
  renamed: Readonly<Record<string, string>> = {},
): string[] {
  const targets = recipe.steps.filter((step) => step.id === name || step.stage.name === name);
  if (targets.length > 0) return targets.map(({ id }) => id);
  if (Object.hasOwn(renamed, name)) {
    throw new TypeError(`stage "${name}" is now called "${renamed[name]}"`);
  }
  const ids = recipe.steps.map((step) => step.id).join(", ");
  throw new TypeError(
    `recipe "${recipe.name}" has no step or stage "${name}"; its steps: ${ids}`,
  );
}

/** Ids of steps, and of all steps that they read, directly or through others. */
export function withUpstream(recipe: Recipe, ids: readonly string[]): Set<string> {
  const by_id = new Map(recipe.steps.map((step) => [step.id, step]));
  const all = new Set(ids);
  // Iterating over a set includes what is added on the way.
  for (const id of all) upstream(by_id.get(id)!).forEach((read) => all.add(read));
  return all;
}

/** How the outputs of a result differ from those that the stage declares now; undefined if they are the same. */
export function outputsProblem(step: Step, { outputs }: Manifest): string | undefined {
  const declared: Record<string, { kind: string } | undefined> = step.stage.outputs;
  const names = [...new Set([...Object.keys(declared), ...Object.keys(outputs)])].sort();
  const changes = names.flatMap((name) => {
    const [before, after] = [outputs[name]?.kind, declared[name]?.kind];
    if (before === after) return [];
    if (before === undefined) return [`${name} is new`];
    return [after === undefined ? `${name} was removed` : `${name} changed ${before} -> ${after}`];
  });
  if (changes.length === 0) return undefined;
  return `its outputs changed (${changes.join(", ")}); raise the stage's version`;
}

const NEVER = "no earlier result";
const GONE = "its last result was removed";

/** How the step differs from its last result. `inputs` is undefined while they are not known. */
function changesSinceLast(
  step: Step,
  earlier: EarlierResults,
  inputs: InputDigests | undefined,
): string[] {
  const last_key = earlier.last_keys[step.id];
  if (last_key === undefined) return [NEVER];
  const last = earlier.manifests.get(last_key);
  if (!last) return [GONE];
  const { stage, version, config, seed } = identityOf(step, {});
  const changes: string[] = [];
  if (last.stage !== stage) return [`stage ${last.stage} -> ${stage}`];
  if (last.version !== version) changes.push(`stage version ${last.version} -> ${version}`);
  changes.push(...configChanges("config", last.config, config));
  if (last.seed !== seed) changes.push(`seed changed ${last.seed} -> ${seed}`);
  if (inputs) changes.push(...inputChanges(last.inputs, inputs));
  return changes;
}

function configChanges(path: string, before: Json | undefined, after: Json | undefined): string[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => configChanges(`${path}.${key}`, before[key], after[key]));
  }
  if (before === undefined) return [`${path} is new: ${brief(after)}`];
  if (after === undefined) return [`${path} was ${brief(before)}, now unset`];
  if (canonicalJson(before) === canonicalJson(after)) return [];
  return [`${path} changed ${brief(before)} -> ${brief(after)}`];
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function brief(value: Json | undefined): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function inputChanges(before: InputDigests, after: InputDigests): string[] {
  const [old_inputs, new_inputs] = [flatten(before), flatten(after)];
  const names = [...new Set([...old_inputs.keys(), ...new_inputs.keys()])].sort();
  return names.flatMap((name) => {
    if (!old_inputs.has(name)) return [`input ${name} is new`];
    if (!new_inputs.has(name)) return [`input ${name} was removed`];
    return old_inputs.get(name) === new_inputs.get(name) ? [] : [`input ${name} changed`];
  });
}

function flatten(inputs: InputDigests): Map<string, string> {
  return new Map(
    Object.entries(inputs).flatMap(([port, digest]) =>
      typeof digest === "string"
        ? [[port, digest] as const]
        : Object.entries(digest).map(([label, d]) => [`${port}.${label}`, d] as const)
    ),
  );
}
