/**
 * Checks a whole recipe and tells all that is wrong with it. What follows from a step that is wrong already is not
 * told again.
 *
 * @module
 */
import {
  assertGranted,
  assertPermissions,
  type FilesPort,
  type SampleSettings,
} from "../stage/mod.ts";
import { type Draft, type GivenStep, whereOf } from "./draft.ts";
import { type Problem, problemOf } from "./problems.ts";
import type { Recipe, RecipeHeader, Step } from "./recipe.ts";
import { checkSamples, sample_settings_schema } from "./sample_settings.ts";
import { validate, type Validated } from "./validate.ts";
import { checkWiring, type Ref, UNKNOWN_PORT } from "./wiring.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;
// These folders of `<out>` are not free for published files.
const RESERVED = ["store", "runs"];

/** A recipe and what is wrong with it. Complete once `pending` have resolved; they do not reject. */
export interface Checked {
  /** Of use only if there are no problems. Lacks `pending`. */
  readonly recipe: Recipe;
  readonly pending: readonly Promise<void>[];
  /** What is known to be wrong by now, in the order of the steps. */
  problems(): Problem[];
}

/**
 * Checks a draft.
 *
 * @param device puts every step that can be on a device on this one, whatever the recipe says.
 */
export function checkDraft(draft: Draft, device?: string): Checked {
  const { header, published, steps: given } = draft;
  const { name, description, seed } = header;
  const samples = soundSamples(header);
  const own = [...draft.problems, ...headerProblems(draft)];
  const checks = given.map((step, i) => checkStep(step, given.slice(0, i), draft, device));
  const unpublished = published.filter((ref) => !isPublishable(ref, draft)).map(() => ({
    message: `recipe "${name}": publish takes a files output of one of its steps`,
  }));
  const steps = checks.map(({ step }) => step);
  return {
    recipe: {
      ...{ kind: "causeway_recipe", name, description, seed, steps, given: draft },
      published: published as Ref<FilesPort>[],
      ...(samples && { samples }),
    },
    pending: checks.flatMap(({ pending }) => pending ?? []),
    problems: () => [...own, ...checks.flatMap(({ problems }) => problems), ...unpublished],
  };
}

/** Undefined also where they are wrong, which is among the problems. */
function soundSamples({ samples }: RecipeHeader): SampleSettings | undefined {
  return samples && sample_settings_schema.safeParse(samples).data;
}

function headerProblems({ header, steps, problems }: Draft): Problem[] {
  const { name, seed, samples } = header;
  const found: Problem[] = [];
  if (!NAME.test(name) || RESERVED.includes(name)) {
    const message = `recipe name "${name}" is not usable; take letters, digits and _.+-`;
    found.push({ message });
  }
  found.push(...problemOf(() => checkSeed(`recipe "${name}"`, seed)));
  if (samples) found.push(...problemOf(() => checkSamples(`recipe "${name}"`, samples)));
  const is_empty = steps.length === 0 && problems.length === 0;
  return is_empty ? [...found, { message: `recipe "${name}" has no steps` }] : found;
}

function isPublishable(ref: unknown, draft: Draft): boolean {
  return draft.isRef(ref) && (ref.port.kind === "files" || ref.port === UNKNOWN_PORT);
}

interface StepCheck {
  readonly step: Step;
  /** Grows while `pending`. */
  readonly problems: Problem[];
  readonly pending?: Promise<void>;
}

function checkStep(
  given: GivenStep,
  earlier: readonly GivenStep[],
  draft: Draft,
  device: string | undefined,
): StepCheck {
  const { id, stage, seed, permissions } = given;
  const where = whereOf(given);
  const problems = [...identityProblems(given, earlier), ...given.problems];
  const step: Step = {
    id,
    stage: stage!,
    seed: seed ?? draft.header.seed,
    config: null,
    inputs: stage ? checkWiring(where, stage.inputs, given.inputs, draft.isRef, problems) : {},
    ...(permissions === undefined ? {} : { permissions }),
  };
  if (!stage) return { step, problems };
  if (seed !== undefined) problems.push(...problemOf(() => checkSeed(where, seed)));
  if (permissions !== undefined) {
    problems.push(...problemOf(() => assertPermissions(permissions, where)));
  }
  // Here, and not when the step starts, perhaps hours later.
  problems.push(
    ...problemOf(() => assertGranted(stage.permissions ?? {}, permissions ?? {}, where)),
  );
  const finish = (result: Validated) => {
    if (result.problems) problems.push(...result.problems);
    else Object.assign(step, { config: result.config });
  };
  const config = validateOn(given, draft.header.device, device);
  if (config instanceof Promise) return { step, problems, pending: config.then(finish) };
  finish(config);
  return { step, problems };
}

/** The config, on a device: the one asked for, else its own, else that of the recipe. */
function validateOn(
  given: GivenStep,
  of_recipe: string | undefined,
  asked: string | undefined,
): Validated | Promise<Validated> {
  const config = given.config;
  const own = isObject(config) && config.device !== undefined;
  const device = asked ?? (own ? undefined : of_recipe);
  // Whether there is such a field shows in the config with its defaults.
  const place = (result: Validated) => {
    if (device === undefined || result.problems) return result;
    if (!isObject(result.config) || !("device" in result.config)) return result;
    return validate({ ...given, config: { ...config as object, device } });
  };
  const result = validate(given);
  return result instanceof Promise ? result.then(place) : place(result);
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function identityProblems(given: GivenStep, earlier: readonly GivenStep[]): Problem[] {
  const { id, stage } = given;
  const found: Problem[] = [];
  if (!NAME.test(id)) {
    found.push({ message: `step id "${id}" is not usable; take letters, digits and _.+-` });
  }
  if (earlier.some((other) => other.id === id)) {
    found.push({ message: `there are two steps named "${id}"` });
  }
  const namesake = earlier.find((other) => stage && other.stage?.name === stage.name);
  if (namesake && namesake.stage !== stage) {
    const ids = `steps "${namesake.id}" and "${id}"`;
    found.push({ message: `${ids} use two different stages named "${stage!.name}"` });
  }
  return found;
}

function checkSeed(where: string, seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new TypeError(`${where}: seed ${seed} is not an integer of 0 or more`);
  }
}
