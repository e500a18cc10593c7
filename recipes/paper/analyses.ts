/**
 * What is measured on a study: similarity of the data, proximity against improvement, CKA, downstream tasks, and the
 * report.
 *
 * @module
 */
import type { RecipeBuilder, Refs } from "../../core/runner/mod.ts";
import { proximity } from "../../plugins/proximity/mod.ts";
import { cka, evaluate, evaluate_tasks, similarity } from "../../stages/mod.ts";
import { CONTROL } from "./arms.ts";
import { mixtureOf, type Study, type Tuned } from "./study.ts";

/** Adds the analyses to the recipe. */
export function addAnalyses(recipe: RecipeBuilder, study: Study) {
  const { settings, data, compared } = study;
  const tokens = { data: data.train };
  // How datasets are compared, and not which.
  const { sources: _, mixtures: __, bootstrap: ___, ...comparing } = settings.similarity ?? {};
  const distances = recipe.step("distances", similarity, {
    config: { ...settings.similarity, mixtures: mixturesOf(study) },
    inputs: { tokens },
  });
  const bridge = recipe.step("bridge", proximity, {
    config: { ...comparing, general: settings.general },
    inputs: { tokens, arms: compared.arms, comparison: compared.comparison },
  });
  const cka_by_pair = new Map(
    settings.cka?.pairs.map((pair) => {
      return [`${pair.arm}_${pair.target}`, addCka(recipe, study, pair)];
    }),
  );
  return {
    distances,
    bridge,
    cka_by_pair,
    evaluated: addEvaluation(recipe, study),
    tasks: addTasks(recipe, study),
  };
}

/** The mixtures of the main arms, under their labels. */
function mixturesOf({ settings: { general, midtraining } }: Study) {
  return Object.fromEntries(midtraining.map(({ label, specialised, weight }) => {
    return [label, mixtureOf(general, specialised, weight)];
  }));
}

function checkpointOf({ phases, paths }: Study, arm: string) {
  return phases.get(paths.get(arm)!.at(-1)!)!.checkpoint;
}

/** The model of an arm after fine-tuning with the first seed. */
function tunedWith({ settings, tuned }: Study, arm: string, target: string): Tuned["checkpoint"] {
  const found = tuned.get(`${arm}.${target}.${settings.seeds[0]}`);
  if (found) return found.checkpoint;
  throw new Error(
    `the settings ask for the arm "${arm}" fine-tuned on "${target}", which is not trained`,
  );
}

/** The paper's four states: control and arm, each before and after fine-tuning. */
function addCka(
  recipe: RecipeBuilder,
  study: Study,
  { arm, target }: { arm: string; target: string },
): Refs<typeof cka.outputs> {
  const { settings, data } = study;
  const states = [CONTROL, arm].flatMap((name) => [
    [name, checkpointOf(study, name)],
    [`${name}_sft`, tunedWith(study, name, target)],
  ]);
  return recipe.step(`cka_${arm}_${target}`, cka, {
    config: { ...settings.compute, ...settings.cka!.config },
    inputs: { models: Object.fromEntries(states), probes: { data: data.validation } },
  });
}

function addEvaluation(recipe: RecipeBuilder, study: Study) {
  const { settings: { evaluation, compute }, arms, data } = study;
  if (!evaluation) return undefined;
  const kinds = ["control", "midtrain", "continued"];
  const models = arms.filter(({ kind }) => kinds.includes(kind))
    .map(({ name }) => [name, checkpointOf(study, name)]);
  return recipe.step("losses", evaluate, {
    config: { ...compute, ...evaluation },
    inputs: { models: Object.fromEntries(models), tokens: { data: data.validation } },
  });
}

function addTasks(recipe: RecipeBuilder, study: Study) {
  const { settings: { tasks = [], compute: { threads, device } } } = study;
  return new Map(tasks.map(({ name, config, models }) => {
    const tuned = models.map(({ arm, target }) => {
      return [`${arm}.${target}`, tunedWith(study, arm, target)];
    });
    const step = recipe.step(`questions_${name}`, evaluate_tasks, {
      config: { threads, device, ...config },
      inputs: { models: Object.fromEntries(tuned) },
      permissions: { run: ["deno"] },
    });
    return [name, step];
  }));
}
