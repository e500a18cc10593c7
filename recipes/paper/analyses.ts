/**
 * What is measured on a study: similarity of the data, proximity against improvement, CKA, and the report.
 *
 * @module
 */
import type { RecipeBuilder } from "../../core/runner/mod.ts";
import { cka, similarity } from "../../stages/mod.ts";
import { CONTROL } from "./arms.ts";
import { mixtureOf, type Study } from "./study.ts";

/** Adds the analyses to the recipe, and publishes the report. */
export function addAnalyses(recipe: RecipeBuilder, study: Study): void {
  const { settings, data } = study;
  recipe.step("distances", similarity, {
    config: { ...settings.similarity, mixtures: mixturesOf(study) },
    inputs: { tokens: { data: data.train } },
  });
  for (const pair of settings.cka?.pairs ?? []) addCka(recipe, study, pair);
}

/** The mixtures of the main arms, under their labels. */
function mixturesOf({ settings: { general, midtraining } }: Study) {
  return Object.fromEntries(midtraining.map(({ label, specialised, weight }) => {
    return [label, mixtureOf(general, specialised, weight)];
  }));
}

/** The paper's four states: control and arm, each before and after fine-tuning with the first seed. */
function addCka(
  recipe: RecipeBuilder,
  study: Study,
  { arm, target }: { arm: string; target: string },
) {
  const { settings, phases, paths, tuned, data } = study;
  const before = (name: string) => phases.get(paths.get(name)!.at(-1)!)!.checkpoint;
  const after = (name: string) => tuned.get(`${name}.${target}.${settings.seeds[0]}`)!.checkpoint;
  const states = [CONTROL, arm].flatMap((name) => [
    [name, before(name)],
    [`${name}_sft`, after(name)],
  ]);
  return recipe.step(`cka_${arm}_${target}`, cka, {
    config: { ...settings.compute, ...settings.cka!.config },
    inputs: { models: Object.fromEntries(states), probes: { data: data.validation } },
  });
}
