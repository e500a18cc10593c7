/**
 * Runs one step of a recipe whose inputs are ready, while other processes may run other steps of the same folder.
 *
 * @module
 */
import { type Artifact, artifactKey, MANIFEST_FORMAT, type Verification } from "../store/mod.ts";
import type { Executor, StepListener } from "./execute.ts";
import { identityOf, withUpstream } from "./plan.ts";
import { mapWired, type Recipe, type Ref } from "../recipe/mod.ts";
import { storeOf, verifiedFiles, verify } from "./verify.ts";
import { asInterrupted } from "./errors.ts";

/** Result of a step. */
export interface StepResult {
  readonly key: string;
  readonly outputs: Readonly<Record<string, Artifact>>;
  /** Whether it was computed now; false if there was a result already. */
  readonly ran: boolean;
}

/**
 * Runs a step and writes its manifest. The folder is not locked and `lock.json` is not written: the process that runs
 * the whole recipe does that.
 *
 * @param guard locks the step's key, so that no second process computes the same; returns a function that unlocks it.
 * @throws {Error} when a step that it reads has no intact result.
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
    /** Called with how the results that it reads were verified. */
    onVerified?: (verification: Verification) => void;
  },
): Promise<StepResult> {
  const { out, executor, listener, signal, guard, onVerified } = options;
  const step = recipe.steps.find((step) => step.id === id);
  if (!step) throw new Error(`the recipe has no step "${id}" any more; start the pipeline again`);
  const only = withUpstream(recipe, [id]);
  const files = verifiedFiles(out, { remember: true });
  const plan = () => verify(recipe, out, { only, signal, files });
  const before = await plan();
  onVerified?.(before.verification);
  const missing = before.steps.find((planned) => planned.action === "run" && planned.id !== id);
  if (missing) {
    throw new Error(
      `step "${missing.id}", which "${id}" reads, has no result (${missing.reasons.join(", ")})`,
    );
  }
  const { key } = before.steps.find((planned) => planned.id === id)!;
  const unlock = await guard(key!);
  try {
    const { steps, earlier } = await plan(); // while it waited for the lock, another process may have computed it
    if (steps.find((planned) => planned.id === id)!.action === "skip") {
      return { key: key!, outputs: earlier.manifests.get(key!)!.outputs, ran: false };
    }
    const keys = new Map(steps.map((planned) => [planned.id, planned.key!]));
    const artifact = ({ step, output }: Ref) =>
      earlier.manifests.get(keys.get(step)!)!.outputs[output];
    const identity = identityOf(step, mapWired(step.inputs, (ref) => artifact(ref).digest));
    if (artifactKey(identity) !== key) throw new Error("its inputs changed while the step started");
    const store = storeOf(out);
    const inputs = mapWired(step.inputs, artifact);
    const job = { step: id, key, inputs, store: store.root, samples: recipe.samples };
    const outputs = await executor(step, job, listener, signal);
    store.writeManifest(key, { ...identity, format: MANIFEST_FORMAT, outputs });
    store.clearWork(key);
    return { key, outputs, ran: true };
  } catch (error) {
    throw asInterrupted(error, signal) ?? error;
  } finally {
    unlock();
  }
}
