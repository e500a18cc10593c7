/**
 * Recipes: a whole experiment as typed steps. Steps can only be wired to steps made before them, so a recipe
 * has no cycles.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { canonicalJson, type Json } from "../store/mod.ts";
import {
  type AnyStage,
  assertStage,
  type FilesPort,
  type InputPorts,
  type OutputPorts,
  type Stage,
} from "../stage/mod.ts";
import { checkWiring, type Ref, type Refs, type Wired, type Wiring } from "./wiring.ts";

/** One step of a recipe, checked. */
export interface Step {
  readonly id: string;
  readonly stage: AnyStage;
  /** The validated config, defaults filled in, keys sorted. */
  readonly config: Json;
  readonly seed: number;
  readonly inputs: Wired;
}

/** A checked experiment: what `export default defineRecipe(…)` gives. */
export interface Recipe {
  readonly kind: "causeway_recipe";
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  /** In the order they were made: every step comes after those it reads. */
  readonly steps: readonly Step[];
  /** Files outputs that are copied out of the store once the run has finished. */
  readonly published: readonly Ref<FilesPort>[];
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
  & { readonly seed?: number };

/** What the function given to `defineRecipe` builds with. */
export interface RecipeBuilder {
  /**
   * Adds a step.
   *
   * @param id unique in the recipe; names the step in progress, plans and `--only`.
   * @param options the stage's config, the outputs it reads, and a seed if not the recipe's.
   * @returns refs to the step's outputs, by port name.
   * @throws {TypeError} naming the step and what is wrong with its id, config or inputs.
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
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;
// These folders of `<out>` are not free for published files.
const RESERVED = ["store", "runs"];

/**
 * Declares a recipe. Everything that can be checked without running is checked here.
 *
 * @throws {TypeError} naming the step and port or config field that is wrong.
 *
 * @example
 * ```ts
 * import { defineRecipe } from "./mod.ts";
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
  const { name, description, seed, device } = header;
  if (!NAME.test(name) || RESERVED.includes(name)) {
    throw new TypeError(`recipe name "${name}" is not usable; take letters, digits and _.+-`);
  }
  checkSeed(`recipe "${name}"`, seed);
  const steps: UncheckedStep[] = [];
  const published: Ref<FilesPort>[] = [];
  const refs = new WeakSet<object>();
  const pending: Promise<unknown>[] = [];
  const is_ref = (value: unknown): value is Ref =>
    typeof value === "object" && value !== null && refs.has(value);
  build({
    step(id, stage, options) {
      const checked = checkStep(id, stage, options, seed, is_ref);
      const given = (options?.config ?? {}) as { device?: unknown };
      const place = (step: Step) => given.device === undefined ? onDevice(step, device) : step;
      const step = { ...checked };
      for (const other of steps) checkAgainst(other, step);
      steps.push(step);
      const finish = (config: Json) => void Object.assign(step, place({ ...step, config }));
      if (checked.config instanceof Promise) pending.push(checked.config.then(finish));
      else finish(checked.config);
      return Object.fromEntries(
        Object.entries(stage.outputs).map(([output, port]) => {
          const ref: Ref = Object.freeze({ step: id, output, port });
          refs.add(ref);
          return [output, ref];
        }),
      ) as never;
    },
    publish(ref) {
      if (!is_ref(ref) || ref.port.kind !== "files") {
        throw new TypeError(`recipe "${name}": publish takes a files output of one of its steps`);
      }
      published.push(ref);
    },
  });
  if (steps.length === 0) throw new TypeError(`recipe "${name}" has no steps`);
  const recipe = { name, description, seed, steps: steps as Step[], published };
  if (pending.length === 0) return { kind: "causeway_recipe", ...recipe };
  // Whoever settles the recipe hears of a failure; until then it is nobody's.
  pending.forEach((config) => config.catch(() => {}));
  return { kind: "causeway_recipe", ...recipe, pending };
}

/**
 * Waits until every config is checked.
 *
 * @returns the recipe, ready to be planned and run.
 * @throws {TypeError} naming the step and config field that is wrong.
 */
export async function settle({ pending = [], ...recipe }: Recipe): Promise<Recipe> {
  for (const config of pending) await config;
  return recipe;
}

/** A step whose config may still be being checked. */
type UncheckedStep = Omit<Step, "config"> & { config: Json | Promise<Json> };

/**
 * The recipe with all steps whose config has a field `device` on that device.
 *
 * @throws {TypeError} when a step's stage does not know the device.
 */
export function withDevice(recipe: Recipe, device: string): Recipe {
  return { ...recipe, steps: recipe.steps.map((step) => onDevice(step, device)) };
}

function onDevice(step: Step, device: string | undefined): Step {
  const { id, stage, config } = step;
  if (device === undefined || !isObject(config) || !("device" in config)) return step;
  const where = `step "${id}" (stage ${stage.name})`;
  const checked = checkConfig(where, stage.config, { ...config, device });
  if (checked instanceof Promise) {
    throw new TypeError(`${where}: a config with a device must be checked by a synchronous schema`);
  }
  return { ...step, config: checked };
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkStep(
  id: string,
  stage: AnyStage,
  options: { config?: unknown; inputs?: object; seed?: number } | undefined,
  recipe_seed: number,
  is_ref: (value: unknown) => value is Ref,
): UncheckedStep {
  if (!NAME.test(id)) {
    throw new TypeError(`step id "${id}" is not usable; take letters, digits and _.+-`);
  }
  assertStage(stage, `the stage of step "${id}"`);
  const where = `step "${id}" (stage ${stage.name})`;
  const { config = {}, inputs = {}, seed = recipe_seed } = options ?? {};
  checkSeed(where, seed);
  return {
    id,
    stage,
    config: checkConfig(where, stage.config, config),
    seed,
    inputs: checkWiring(where, stage.inputs, inputs as Record<string, unknown>, is_ref),
  };
}

function checkAgainst(other: UncheckedStep, step: UncheckedStep): void {
  if (other.id === step.id) throw new TypeError(`there are two steps named "${step.id}"`);
  if (other.stage.name === step.stage.name && other.stage !== step.stage) {
    throw new TypeError(
      `steps "${other.id}" and "${step.id}" use two different stages named "${step.stage.name}"`,
    );
  }
}

function checkSeed(where: string, seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new TypeError(`${where}: seed ${seed} is not an integer of 0 or more`);
  }
}

/**
 * Validates a config and brings it to the form that keys are made from: plain data, keys sorted. Asynchronous where
 * the schema is.
 */
function checkConfig(
  where: string,
  schema: StandardSchemaV1,
  config: unknown,
): Json | Promise<Json> {
  const result = schema["~standard"].validate(config);
  return result instanceof Promise
    ? result.then((settled) => plainConfig(where, settled))
    : plainConfig(where, result);
}

function plainConfig(where: string, result: StandardSchemaV1.Result<unknown>): Json {
  if (result.issues) {
    const issues = result.issues.map(({ path = [], message }) => {
      const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
      return `${["config", ...keys].join(".")}: ${message}`;
    });
    throw new TypeError(`${where}: ${issues.join("; ")}`);
  }
  try {
    return JSON.parse(canonicalJson(result.value, "config"));
  } catch (error) {
    throw new TypeError(`${where}: ${(error as Error).message}`);
  }
}
