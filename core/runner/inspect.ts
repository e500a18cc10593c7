/**
 * Shows the batches that a step trains on, without running it.
 *
 * @module
 */
import type { Batch, InspectContext, ports } from "../stage/mod.ts";
import type { Artifact } from "../store/mod.ts";
import { openInputs } from "./execute.ts";
import {
  checkRecipe,
  mapWired,
  type Recipe,
  type RecipeDraft,
  type Step,
  upstream,
} from "../recipe/mod.ts";
import { withUpstream } from "./plan.ts";
import { storeOf, verify } from "./verify.ts";

export interface InspectOptions {
  /** Output folder of the pipeline. */
  readonly out: string;
  /** Step of the phase, counted from 0. */
  readonly step: number;
  /** Maximum number of rows of the batch. */
  readonly rows: number;
  log(message: string): void;
}

/** Ids of the steps of a recipe that can be inspected, in order. */
export function inspectable(recipe: Recipe): string[] {
  return recipe.steps.filter(({ stage }) => stage.inspect).map(({ id }) => id);
}

/**
 * Rows of the batch that a step trains on.
 *
 * @param id of a step in the recipe.
 * @throws {Error} when there is no such step, it does not train, or a step it reads has no result yet.
 */
export async function inspectStep(
  given: Recipe | RecipeDraft,
  id: string,
  options: InspectOptions,
): Promise<Batch<typeof ports.batch_samples.columns>> {
  const recipe = await checkRecipe(given);
  const step = recipe.steps.find((step) => step.id === id);
  if (!step?.stage.inspect) {
    const known = inspectable(recipe).join(", ") || "none";
    throw new Error(
      `recipe "${recipe.name}" has no training step "${id}"; its training steps are ${known}`,
    );
  }
  const inputs = await findInputs(recipe, step, options.out);
  const context: InspectContext<unknown, never> = {
    config: structuredClone(step.config),
    inputs: await openInputs(step, { inputs }, storeOf(options.out)) as never,
    seed: step.seed,
    log: options.log,
  };
  return await step.stage.inspect(context, { step: options.step, rows: options.rows });
}

async function findInputs(recipe: Recipe, step: Step, out: string) {
  const only = withUpstream(recipe, upstream(step));
  const { steps, earlier } = await verify(recipe, out, { only });
  const missing = steps.filter(({ action }) => action === "run").map(({ id }) => id);
  if (missing.length > 0) {
    // Running the direct inputs runs what they need, too.
    const direct = missing.filter((id) => upstream(step).includes(id));
    const runs = direct.map((id) => `--only ${id}`).join(", then ");
    const names = missing.map((id) => `"${id}"`).join(", ");
    throw new Error(
      `"${step.id}" reads ${names}, which have no results yet; run the pipeline with ${runs} first`,
    );
  }
  const outputs = new Map(steps.map(({ id, key }) => [id, earlier.manifests.get(key!)!.outputs]));
  return mapWired<Artifact>(step.inputs, (ref) => outputs.get(ref.step)![ref.output]);
}
