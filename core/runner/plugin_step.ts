/**
 * A recipe of one step, that of a plugin: what the worker of a restricted step loads in the recipe's place. The recipe
 * itself may read files, variables and the network while it is loaded, which the plugin may not.
 *
 * @module
 */
import { type AnyStage, assertStage } from "../stage/mod.ts";
import type { Recipe, Step } from "../recipe/mod.ts";

/** What the module's URL carries. */
interface Wanted {
  /** Module that declares the stage. */
  readonly origin: string;
  readonly name: string;
  readonly version: string;
  readonly step: Pick<Step, "id" | "config" | "seed">;
}

/** URL of this module for one step. */
export function pluginStepUrl({ id, stage, config, seed }: Step, origin: string): string {
  const { name, version } = stage;
  const wanted: Wanted = { origin, name, version, step: { id, config, seed } };
  const url = new URL(import.meta.url);
  url.search = new URLSearchParams({ step: JSON.stringify(wanted) }).toString();
  return url.href;
}

/** The stage of a name and version among the exports of a module; undefined when it is not exported. */
export function exportedStage(
  module: object,
  name: string,
  version: string,
): AnyStage | undefined {
  return Object.values(module).find((value) =>
    typeof value === "object" && value !== null && "run" in value && value.name === name &&
    value.version === version
  );
}

async function recipeOf({ origin, name, version, step }: Wanted): Promise<Recipe> {
  const stage = exportedStage(await import(origin), name, version);
  if (!stage) {
    throw new Error(
      `${origin} no longer exports stage "${name}" of version ${version}; start the pipeline again`,
    );
  }
  assertStage(stage, `stage "${name}"`);
  const header = { name: "plugin", description: "One step of a plugin.", seed: step.seed };
  const steps = [{ ...step, stage, inputs: {} }];
  return { kind: "causeway_recipe", ...header, steps, published: [] };
}

const wanted = new URL(import.meta.url).searchParams.get("step");

export default wanted === null ? undefined : await recipeOf(JSON.parse(wanted));
