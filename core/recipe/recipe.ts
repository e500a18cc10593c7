/**
 * Recipes: a whole experiment as typed steps. Steps can only be wired to steps made before them, so a recipe
 * has no cycles.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Json } from "../store/mod.ts";
import type {
  AnyStage,
  FilesPort,
  InputPorts,
  OutputPorts,
  Permissions,
  SampleSettings,
  Stage,
} from "../stage/mod.ts";
import { checkDraft, type Checked } from "./check.ts";
import { type Draft, DraftWriter } from "./draft.ts";
import { RecipeError } from "./problems.ts";
import type { GivenSamples } from "./sample_settings.ts";
import type { Ref, Refs, Wired, Wiring } from "./wiring.ts";

/** One step of a recipe, checked. */
export interface Step {
  readonly id: string;
  readonly stage: AnyStage;
  /** The validated config, defaults filled in, keys sorted. */
  readonly config: Json;
  readonly seed: number;
  readonly inputs: Wired;
  /** What the step may reach besides inputs and outputs, if its stage is a plugin that asks for it. */
  readonly permissions?: Permissions;
}

/** A checked experiment: what `export default defineRecipe(…)` gives. */
export interface Recipe {
  readonly kind: "causeway_recipe";
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  /** What is to be seen of its models while they train. */
  readonly samples?: SampleSettings;
  /** In the order they were made: every step comes after those it reads. */
  readonly steps: readonly Step[];
  /** Files outputs that are copied out of the store once the run has finished. */
  readonly published: readonly Ref<FilesPort>[];
  /** As it was given: what overrides start from. */
  readonly given?: Draft;
  /** Configs that are still being checked, because data are asked for over the network. See `settle`. */
  readonly pending?: readonly Promise<unknown>[];
}

// `config` and `inputs` may be left out where nothing in them is required.
type Given<Name extends string, T> = Record<never, never> extends T ? { readonly [K in Name]?: T }
  : { readonly [K in Name]: T };

/** Third argument of `recipe.step`. */
export type StepOptions<S extends StandardSchemaV1, I extends InputPorts> =
  & Given<"config", StandardSchemaV1.InferInput<S>>
  & Given<"inputs", Wiring<I>>
  & { readonly seed?: number; readonly permissions?: Permissions };

/** What the function given to `defineRecipe` builds with. */
export interface RecipeBuilder {
  /**
   * Adds a step.
   *
   * @param id unique in the recipe; names the step in progress, plans and `--only`.
   * @param options the stage's config, the outputs it reads, a seed if not the recipe's, and what a plugin may reach.
   * @returns refs to the step's outputs, by port name.
   */
  step<S extends StandardSchemaV1, I extends InputPorts, O extends OutputPorts>(
    id: string,
    stage: Stage<S, I, O>,
    options: StepOptions<S, I>,
  ): Refs<O>;
  /** Copies the files of an output to `<out>/<recipe name>/` after the run. */
  publish(ref: Ref<FilesPort>): void;
}

/** Name, purpose and seed of a recipe. The seed of every step that sets none is this one. */
export interface RecipeHeader {
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  /** Device of every step whose config has a field of that name and does not set it. */
  readonly device?: string;
  /** Prompts that models go on with at every validation, for whoever watches; they change no result. */
  readonly samples?: GivenSamples;
}

/**
 * Declares a recipe. Everything that can be checked without running is checked here.
 *
 * @throws {RecipeError} with a line for everything that is wrong, naming step and port or config field.
 *
 * @example
 * ```ts
 * import { defineRecipe } from "./recipe.ts";
 * import { defineStage, table } from "../stage/mod.ts";
 * import { z } from "zod";
 *
 * const numbers = defineStage({
 *   name: "numbers",
 *   version: "1",
 *   description: "Counts from 1.",
 *   config: z.object({ count: z.int().positive() }),
 *   inputs: {},
 *   outputs: { data: table({ n: "int32" }, "the numbers") },
 *   async run({ config, outputs }) {
 *     await outputs.data.write({ n: Int32Array.from({ length: config.count }, (_, i) => i + 1) });
 *   },
 * });
 *
 * export default defineRecipe({ name: "tiny", description: "One step.", seed: 1 }, (recipe) => {
 *   recipe.step("numbers", numbers, { config: { count: 3 } });
 * });
 * ```
 */
export function defineRecipe(header: RecipeHeader, build: (recipe: RecipeBuilder) => void): Recipe {
  const writer = new DraftWriter(header);
  const builder: RecipeBuilder = {
    step: (id, stage, options) => writer.step(id, stage, options) as never,
    publish: (ref) => writer.publish(ref),
  };
  try {
    build(builder);
  } catch (error) {
    // Perhaps thrown because of what is wrong with a step, and then not to be mended by an override.
    const problems = checkDraft(writer.draft()).problems();
    if (writer.draft().steps.length === 0 || problems.length === 0) throw error;
    throw new RecipeError(`recipe "${header.name}"`, problems);
  }
  const draft = writer.draft();
  const checked = checkDraft(draft);
  if (checked.problems().length > 0) throw errorOf(checked);
  if (checked.pending.length === 0) return checked.recipe;
  const pending = Promise.all(checked.pending).then(() => {
    if (checked.problems().length > 0) throw errorOf(checked);
  });
  // Whoever settles the recipe hears of a failure; until then it is nobody's.
  pending.catch(() => {});
  return { ...checked.recipe, pending: [pending] };
}

/**
 * Waits until every config is checked.
 *
 * @returns the recipe, ready to be planned and run.
 * @throws {RecipeError} with a line for everything that is wrong, naming step and config field.
 */
export async function settle({ pending = [], ...recipe }: Recipe): Promise<Recipe> {
  for (const config of pending) await config;
  return recipe;
}

/**
 * Checks a draft to its end.
 *
 * @param device puts every step that can be on a device on this one, whatever the recipe says.
 * @throws {RecipeError} with a line for everything that is wrong.
 */
export async function recipeOf(draft: Draft, device?: string): Promise<Recipe> {
  const checked = checkDraft(draft, device);
  await Promise.all(checked.pending);
  if (checked.problems().length > 0) throw errorOf(checked);
  return checked.recipe;
}

function errorOf({ recipe, problems }: Checked): RecipeError {
  return new RecipeError(`recipe "${recipe.name}"`, problems(), recipe.given);
}
