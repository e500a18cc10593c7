/**
 * Recipes: a whole experiment as typed steps. Steps can only be connected to steps added before them, so a recipe has
 * no cycles.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Json } from "../store/mod.ts";
import type {
  AnyStage,
  InputPorts,
  OutputPorts,
  Permissions,
  SampleSettings,
  Stage,
} from "../stage/mod.ts";
import { DraftWriter, type RecipeDraft, type RecipeHeader } from "./draft.ts";
import type { Ref, Refs, Wired, Wiring } from "./wiring.ts";

/** One step of a recipe, checked. */
export interface Step {
  readonly id: string;
  readonly stage: AnyStage;
  /** The validated config, defaults filled in, keys sorted. */
  readonly config: Json;
  readonly seed: number;
  readonly inputs: Wired;
  /** What the step may access besides its inputs and outputs, if its stage is a plugin that needs it. */
  readonly permissions?: Permissions;
}

/** A checked recipe (`checkRecipe`), ready to be planned and run. */
export interface Recipe {
  readonly kind: "recipe";
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  /** Samples to show of its models while they train. */
  readonly samples?: SampleSettings;
  /** In the order in which they were added: every step comes after those it reads. */
  readonly steps: readonly Step[];
  /** Files outputs that are copied out of the store when the run finishes. */
  readonly published: readonly Ref[];
}

// `config` and `inputs` are optional where nothing in them is required.
type Given<Name extends string, T> = Record<never, never> extends T ? { readonly [K in Name]?: T }
  : { readonly [K in Name]: T };

/** Third argument of `recipe.step`. */
export type StepOptions<S extends StandardSchemaV1, I extends InputPorts> =
  & Given<"config", StandardSchemaV1.InferInput<S>>
  & Given<"inputs", Wiring<I>>
  & { readonly seed?: number; readonly permissions?: Permissions };

/** Passed to the function that adds the steps. */
export interface RecipeBuilder {
  /**
   * Adds a step.
   *
   * @param id unique in the recipe; names the step in progress, plans and `--only`.
   * @param options the stage's config, the outputs it reads, its own seed, and what a plugin may access.
   * @returns refs to the step's outputs, by port name.
   */
  step<S extends StandardSchemaV1, I extends InputPorts, O extends OutputPorts>(
    id: string,
    stage: Stage<S, I, O>,
    options: StepOptions<S, I>,
  ): Refs<O>;
  /**
   * Copies an output to `<out>/<recipe name>/` after the run: its files, or a table as `tables/STEP.OUTPUT.arrow` and
   * `.csv`.
   */
  publish(ref: Ref): void;
}

/**
 * Declares a recipe. It is checked when it is loaded or run (`checkRecipe`), once overrides are applied.
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
export function defineRecipe(
  header: RecipeHeader,
  build: (recipe: RecipeBuilder) => void,
): RecipeDraft {
  const writer = new DraftWriter(header);
  try {
    build({
      step: (id, stage, options) => writer.step(id, stage, options) as never,
      publish: (ref) => writer.publish(ref),
    });
  } catch (error) {
    // The cause may be a step that is wrong: the check reports that instead, if there is any.
    writer.thrown = { error };
  }
  return writer.draft();
}
