/**
 * Looks at what a step works on, without running it.
 *
 * @module
 */
import type { Batch, InspectContext, ports } from "../stage/mod.ts";
import type { Artifact } from "../store/mod.ts";
import { openInputs } from "./execute.ts";
import { mapWired, upstream } from "./plan.ts";
import { type Recipe, settle, type Step } from "../recipe/mod.ts";
import { storeOf, survey } from "./survey.ts";

export interface InspectOptions {
  /** Output folder of the pipeline. */
  readonly out: string;
  /** Step of the phase, counted from 0. */
  readonly step: number;
  /** Rows of the batch to show at most. */
  readonly rows: number;
  log(message: string): void;
}

/** Ids of the steps of a recipe that can be looked at, in order. */
export function inspectable(recipe: Recipe): string[] {
  return recipe.steps.filter(({ stage }) => stage.inspect).map(({ id }) => id);
}

/**
 * Rows of the batch that a step trains on.
 *
 * @param id of a step in the recipe.
 * @throws {Error} when there is no such step, it does not train, or a step it reads has not run yet.
 */
export async function inspectStep(
  unsettled: Recipe,
  id: string,
  options: InspectOptions,
): Promise<Batch<typeof ports.batch_samples.columns>> {
  const recipe = await settle(unsettled);
  const step = recipe.steps.find((step) => step.id === id);
  if (!step?.stage.inspect) {
    const known = inspectable(recipe).join(", ") || "none";
    throw new Error(`recipe "${recipe.name}" has no training step "${id}"; it has ${known}`);
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
  const needed = new Set(upstream(step));
  for (const id of needed) {
    upstream(recipe.steps.find((other) => other.id === id)!).forEach((more) => needed.add(more));
  }
  const { steps, known } = await survey(recipe, out, { only: needed, set_aside: false });
  const missing = steps.filter(({ action }) => action === "run").map(({ id }) => id);
  if (missing.length > 0) {
    // One of them may need another, so each that the step reads itself is run, with what it needs.
    const direct = missing.filter((id) => upstream(step).includes(id));
    const runs = direct.map((id) => `--only ${id}`).join(", then ");
    const names = missing.map((id) => `"${id}"`).join(", ");
    throw new Error(
      `"${step.id}" reads results of ${names}, which are not there: run the pipeline with ${runs} first`,
    );
  }
  const outputs = new Map(steps.map(({ id, key }) => [id, known.manifests.get(key!)!.outputs]));
  return mapWired<Artifact>(step.inputs, (ref) => outputs.get(ref.step)![ref.output]);
}
