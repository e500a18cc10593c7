/**
 * Checks a whole recipe and reports everything that is wrong with it. Consequences of a problem that is already
 * reported are left out.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { assertGranted, assertPermissions } from "../stage/mod.ts";
import { canonicalJson, type Json } from "../store/mod.ts";
import { issueText } from "../words/mod.ts";
import {
  type Problem,
  problemOf,
  type RecipeDraft,
  RecipeError,
  sample_settings_schema,
  type StepDraft,
  whereOf,
} from "./draft.ts";
import { idFault, keyFaults, recipeNameFault } from "./names.ts";
import { onDevice } from "./overrides.ts";
import type { Recipe, Step } from "./recipe.ts";
import type { Renamed } from "./stage_modules.ts";
import { checkWiring, type Ref } from "./wiring.ts";

/**
 * Checks a recipe, unless it is checked already. Each config is validated once.
 *
 * @param options.device puts every step whose config has a field `device` on this one, whatever the recipe says.
 * @param options.renamed names that changed, to say the new one.
 * @throws {RecipeError} with a line for each problem, naming step and port or config field.
 */
export async function checkRecipe(
  recipe: Recipe | RecipeDraft,
  { device, renamed = {} }: { device?: string; renamed?: Renamed } = {},
): Promise<Recipe> {
  if (recipe.kind === "recipe") return recipe;
  const { header, published, steps: drafts, thrown } = recipe;
  const { name, description, seed } = header;
  const steps = drafts.map((step) => onDevice(step, header.device, device));
  const checks = await Promise.all(
    steps.map((step, i) => checkStep(step, steps.slice(0, i), recipe, renamed)),
  );
  const samples = sample_settings_schema.optional().safeParse(header.samples);
  const problems = [
    ...recipe.problems,
    ...headerProblems(recipe),
    ...samples.error?.issues.map((issue) => ({
      message: `recipe "${name}": ${issueText(issue, "samples")}`,
    })) ?? [],
    ...checks.flatMap(({ problems }) => problems),
    ...published.filter((ref) => !recipe.isRef(ref)).map(() => ({
      message: `recipe "${name}": publish needs an output of one of its steps`,
    })),
  ];
  if (problems.length > 0) throw new RecipeError(`recipe "${name}"`, problems);
  if (thrown) throw thrown.error;
  return {
    ...{ kind: "recipe", name, description, seed, steps: checks.map(({ step }) => step) },
    published: published as Ref[],
    ...(samples.data && { samples: samples.data }),
  };
}

function headerProblems({ header: { name, seed }, steps, problems, thrown }: RecipeDraft) {
  const found = [...problemsOf(recipeNameFault(name)), ...seedProblems(`recipe "${name}"`, seed)];
  const is_empty = steps.length === 0 && problems.length === 0 && !thrown;
  return is_empty ? [...found, { message: `recipe "${name}" has no steps` }] : found;
}

async function checkStep(
  draft: StepDraft,
  earlier: readonly StepDraft[],
  recipe: RecipeDraft,
  renamed: Renamed,
): Promise<{ step: Step; problems: Problem[] }> {
  const { id, stage, seed = recipe.header.seed, permissions } = draft;
  const where = whereOf(draft);
  const problems = [...identityProblems(draft, earlier), ...draft.problems];
  const step = { id, stage: stage!, seed, ...(permissions && { permissions }) };
  if (!stage) return { step: { ...step, config: null, inputs: {} }, problems };
  const fail = (message: string) => void problems.push({ message });
  const inputs = checkWiring(where, stage.inputs, draft.inputs, recipe.isRef, fail);
  if (draft.seed !== undefined) problems.push(...seedProblems(where, seed));
  if (permissions !== undefined) {
    problems.push(...problemOf(() => assertPermissions(permissions, where)));
  }
  // Checked here and not when the step starts, which may be hours later.
  problems.push(
    ...problemOf(() => assertGranted(stage.permissions ?? {}, permissions ?? {}, where)),
  );
  const validated = await validate(draft, renamed);
  if ("problems" in validated) problems.push(...validated.problems);
  const config = "config" in validated ? validated.config : null;
  return { step: { ...step, config, inputs }, problems };
}

/** The config with defaults filled in and keys sorted, the form that keys are made from; or what is wrong with it. */
async function validate(
  step: StepDraft,
  renamed: Renamed,
): Promise<{ config: Json } | { problems: Problem[] }> {
  const old_names = renamedFields(step, renamed);
  if (old_names.length > 0) return { problems: old_names };
  try {
    const unusable = keyFaults(step.config, "config").map((fault) => `${whereOf(step)}: ${fault}`);
    if (unusable.length > 0) return { problems: problemsOf(...unusable) };
    const schema = step.stage!.config as StandardSchemaV1;
    const result = await schema["~standard"].validate(step.config);
    return result.issues
      ? { problems: result.issues.map((issue) => problemOfIssue(step, issue)) }
      : { config: JSON.parse(canonicalJson(result.value, "config")) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return { problems: [{ message: `${whereOf(step)}: ${message}`, cause }] };
  }
}

/** Fields of a config that have another name now. */
function renamedFields(step: StepDraft, renamed: Renamed): Problem[] {
  const prefix = `${step.stage!.name}.`;
  return Object.entries(renamed).flatMap(([old_name, new_name]) => {
    if (!old_name.startsWith(prefix)) return [];
    const path = old_name.slice(prefix.length);
    const value = path.split(".").reduce<unknown>((value, key) => Object(value)[key], step.config);
    const message = `${whereOf(step)}: config.${path} is now called config.${new_name}`;
    return value === undefined ? [] : [{ message }];
  });
}

function problemOfIssue(step: StepDraft, issue: StandardSchemaV1.Issue): Problem {
  const keys = issue.path?.map((part) => String(typeof part === "object" ? part.key : part)) ?? [];
  const set = step.overrides?.findLast(({ path }) => path.every((part, i) => part === keys[i]));
  const says_it = set?.allowed === undefined || issue.message.startsWith("must be ");
  const allowed = says_it ? "" : `; allowed: ${set.allowed}`;
  const from = set === undefined ? "" : ` (${set.flag}${allowed})`;
  return { message: `${whereOf(step)}: ${issueText(issue, "config")}${from}` };
}

function identityProblems({ id, stage }: StepDraft, earlier: readonly StepDraft[]): Problem[] {
  const found = problemsOf(idFault("step id", id));
  if (earlier.some((other) => other.id === id)) {
    found.push({ message: `duplicate step id "${id}"` });
  }
  const namesake = earlier.find((other) => stage && other.stage?.name === stage.name);
  if (namesake && namesake.stage !== stage) {
    const ids = `steps "${namesake.id}" and "${id}"`;
    found.push({ message: `${ids} use two different stages named "${stage!.name}"` });
  }
  return found;
}

/** Sentences as problems. */
const problemsOf = (...messages: (string | undefined)[]): Problem[] =>
  messages.flatMap((message) => message === undefined ? [] : [{ message }]);

function seedProblems(where: string, seed: number): Problem[] {
  if (Number.isSafeInteger(seed) && seed >= 0) return [];
  return [{ message: `${where}: seed must be an integer >= 0, got ${seed}` }];
}
