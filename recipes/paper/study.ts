/**
 * A study like that of Liu, Neubig and Xiong, "Midtraining Bridges Pretraining and Posttraining Distributions", as one
 * recipe: its settings expand to the training of all arms (arms.ts, training.ts), and here to the analyses: similarity of
 * the data, proximity against improvement, CKA, downstream tasks, and the report.
 *
 * @module
 */
import {
  defineRecipe,
  type RecipeBuilder,
  type RecipeDraft,
  type Refs,
} from "@causeway/core/recipe";
import { proximity } from "@causeway/plugins/proximity";
import { study_report } from "@causeway/plugins/study_report";
import { cka, evaluate, evaluate_tasks, similarity } from "@causeway/stages";
import { CONTROL } from "./arm.ts";
import { asReleased } from "./as_released.ts";
import { reportConfig } from "./facts.ts";
import { membersOf, mixtureOf } from "./mixtures.ts";
import type { StudySettings } from "./settings.ts";
import { addTraining, type Study, type Tuned } from "./training.ts";

/** Expands settings into a recipe. */
export function studyRecipe(settings: StudySettings): RecipeDraft {
  const { name, description, seed } = settings;
  const resolved = settings.as_released ? asReleased(settings) : settings;
  return defineRecipe({ name, description, seed }, (recipe) => {
    addAnalyses(recipe, addTraining(recipe, resolved));
  });
}

/** Adds the analyses to the recipe, and publishes the report. */
function addAnalyses(recipe: RecipeBuilder, study: Study): void {
  const { settings, data, compared } = study;
  const tokens = { data: data.train };
  // How datasets are compared, but not which ones.
  const { sources: _, mixtures: __, resamples: ___, ...comparing } = settings.similarity ?? {};
  const { tokenizer } = data;
  const distances = recipe.step("distances", similarity, {
    config: { general: settings.general, ...settings.similarity, mixtures: mixturesOf(study) },
    inputs: { tokens, tokenizer },
  });
  const bridge = recipe.step("bridge", proximity, {
    config: {
      ...comparing,
      general: settings.general,
      ...(settings.groups && { groups: sharesOfGroups(settings) }),
    },
    inputs: { tokens, ...compared, tokenizer },
  });
  const cka_by_pair = (settings.cka?.pairs ?? []).map((pair) => {
    return [`${pair.arm}_${pair.target}`, addCka(recipe, study, pair)] as const;
  });
  const evaluated = addEvaluation(recipe, study);
  const page = recipe.step("report", study_report, {
    config: reportConfig(study),
    inputs: {
      ...compared,
      ...bridge,
      similarity: distances.similarity,
      cka: Object.fromEntries(cka_by_pair.map(([pair, refs]) => [pair, refs.cka])),
      shift: Object.fromEntries(cka_by_pair.map(([pair, refs]) => [pair, refs.shift])),
      tasks: addTasks(recipe, study),
      evaluation: evaluated ? { losses: evaluated.evaluation } : {},
      data: data.summary,
      ...trainingOf(study),
    },
  });
  recipe.publish(page.report);
}

/** Sweeps, learning curves of the main arms and of their fine-tuning, and the mixtures of all phases. */
function trainingOf({ arms, phases, paths, sweeps, runs, tuned }: Study) {
  const pick = <T, R>(of: ReadonlyMap<string, T>, take: (refs: T) => R) =>
    Object.fromEntries([...of].map(([name, refs]) => [name, take(refs)]));
  const main = arms.filter(({ kind }) => kind === "control" || kind === "midtrain")
    .map(({ name }) => name);
  const in_main = new Set(main.flatMap((name) => paths.get(name)!));
  const of_main = new Map([...phases].filter(([name]) => in_main.has(name)));
  const tuning = new Map(
    runs.filter(({ arm }) => main.includes(arm)).map(({ label }) => [label, tuned.get(label)!]),
  );
  return {
    rates: pick(sweeps, (refs) => refs.losses),
    best: pick(sweeps, (refs) => refs.best),
    training: pick(of_main, (refs) => refs.training),
    validation: pick(of_main, (refs) => refs.validation),
    tuning: pick(tuning, (refs) => refs.training),
    tuning_validation: pick(tuning, (refs) => refs.validation),
    mixtures: pick(phases, (refs) => refs.mixture),
  };
}

/** The mixtures of the main arms by label, and the groups by name. */
function mixturesOf({ settings }: Study) {
  const mixtures = settings.midtraining.map(({ label, specialised, weight }) => {
    return [label, mixtureOf(settings, specialised, weight)] as const;
  });
  return { ...Object.fromEntries(mixtures), ...sharesOfGroups(settings) };
}

/** The sources of each group with their shares in it. */
function sharesOfGroups(settings: StudySettings) {
  const names = Object.keys(settings.groups ?? {});
  return Object.fromEntries(names.map((name) => [name, membersOf(settings, name)]));
}

function checkpointOf({ phases, paths }: Study, arm: string) {
  return phases.get(paths.get(arm)!.at(-1)!)!.checkpoint;
}

/** The model of an arm after fine-tuning with the first seed. */
function tunedWith({ settings, tuned }: Study, arm: string, target: string): Tuned["checkpoint"] {
  const found = tuned.get(`${arm}.${target}.${settings.seeds[0]}`);
  if (found) return found.checkpoint;
  throw new Error(
    `the settings use arm "${arm}" fine-tuned on "${target}", but no step trains it`,
  );
}

/**
 * The paper's four states, control and arm, each before and after fine-tuning, and its four comparisons: what fine-tuning
 * changes in each, and how they differ before and after it. With a row per position and one per text, since the choice can
 * change which model moved more.
 */
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
    config: {
      ...settings.compute,
      rows: "both",
      pairs: [[CONTROL, `${CONTROL}_sft`], [arm, `${arm}_sft`], [CONTROL, arm], [
        `${CONTROL}_sft`,
        `${arm}_sft`,
      ]],
      ...settings.cka!.config,
    },
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
  return Object.fromEntries(tasks.map(({ name, config, models }) => {
    const tuned = models.map(({ arm, target }) => {
      return [`${arm}.${target}`, tunedWith(study, arm, target)];
    });
    const step = recipe.step(`questions_${name}`, evaluate_tasks, {
      config: { threads, device, ...config },
      inputs: { models: Object.fromEntries(tuned) },
      permissions: { run: ["deno"] },
    });
    return [name, step.results];
  }));
}
