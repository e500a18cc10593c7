/**
 * Runs one step of a recipe whose inputs are there, beside other processes that run other steps of the same folder.
 *
 * @module
 */
import { type Artifact, artifactKey, MANIFEST_FORMAT } from "../store/mod.ts";
import type { Executor, StepListener } from "./execute.ts";
import { identity, inputDigests, mapWired, selectSteps } from "./plan.ts";
import type { Recipe } from "../recipe/mod.ts";
import { storeOf, survey } from "./survey.ts";
import type { Ref } from "../recipe/mod.ts";
import { asInterrupted } from "./worker_messages.ts";

/** What a step made. */
export interface StepResult {
  readonly key: string;
  readonly outputs: Readonly<Record<string, Artifact>>;
  /** Whether it was computed now; not so where an equal step had been. */
  readonly ran: boolean;
}

/**
 * Runs a step and writes its manifest. The folder is not locked, and `lock.json` not written: that is for the one who
 * runs the whole recipe.
 *
 * @param guard called with the step's key before anything is computed; returns what gives the key back. It keeps a
 *   second process from computing the same.
 * @throws {Error} when a step that it reads has no sound result.
 */
export async function runStep(
  recipe: Recipe,
  id: string,
  options: {
    out: string;
    executor: Executor;
    listener: StepListener;
    signal: AbortSignal;
    guard: (key: string) => Promise<() => void>;
  },
): Promise<StepResult> {
  const { out, executor, listener, signal, guard } = options;
  const step = recipe.steps.find((step) => step.id === id);
  if (!step) throw new Error(`the recipe has no step "${id}" any more; start the pipeline again`);
  const only = selectSteps(recipe, id);
  const verified = new Set<string>();
  const look = () => survey(recipe, out, { only, signal, verified, set_aside: false });
  const before = await look();
  const missing = before.steps.find((planned) => planned.action === "run" && planned.id !== id);
  if (missing) {
    throw new Error(
      `step "${missing.id}", which "${id}" reads, has no result (${missing.reasons.join(", ")})`,
    );
  }
  const { key } = before.steps.find((planned) => planned.id === id)!;
  const giveBack = await guard(key!);
  try {
    const { steps, known } = await look(); // while it waited for the key, another may have computed it
    if (steps.find((planned) => planned.id === id)!.action === "skip") {
      return { key: key!, outputs: known.manifests.get(key!)!.outputs, ran: false };
    }
    const keys = new Map(steps.map((planned) => [planned.id, planned.key!]));
    const artifact = ({ step, output }: Ref) =>
      known.manifests.get(keys.get(step)!)!.outputs[output];
    const who = identity(step, inputDigests(step.inputs, (ref) => artifact(ref).digest));
    if (artifactKey(who) !== key) throw new Error("inputs changed while the step began");
    const store = storeOf(out);
    const inputs = mapWired(step.inputs, artifact);
    const job = { step: id, key, inputs, store: store.root, samples: recipe.samples };
    const outputs = await executor(step, job, listener, signal);
    store.writeManifest(key, { ...who, format: MANIFEST_FORMAT, outputs });
    store.clearWork(key);
    return { key, outputs, ran: true };
  } catch (error) {
    throw asInterrupted(error, signal) ?? error;
  } finally {
    giveBack();
  }
}
