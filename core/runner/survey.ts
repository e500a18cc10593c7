/**
 * Looks at what earlier runs left, and makes sure of what the plan relies on.
 *
 * @module
 */
import { join } from "node:path";
import { artifactKey, type Manifest, type Problem, Store } from "../store/mod.ts";
import { readLock } from "../runs/mod.ts";
import { type Known, plan, type PlannedStep } from "./plan.ts";
import type { Recipe } from "../recipe/mod.ts";
import { Interrupted } from "./worker_messages.ts";

/** A plan whose skipped steps have been verified, with what it was made from. */
export interface Survey {
  readonly steps: PlannedStep[];
  readonly known: Known;
}

/** Store of an output folder. */
export function storeOf(out: string): Store {
  return new Store(join(out, "store"));
}

/**
 * Plans a recipe on an output folder. Every object of a step that need not run is read and compared with its
 * digest; where one is damaged or missing the step runs again.
 *
 * @param verified digests already verified in this run; good ones are added.
 * @param signal abort it to stop between two steps: reading large results takes a while.
 * @param set_aside whether to move damaged objects out of use. A dry run leaves all as it is.
 * @throws {Interrupted} when the signal was aborted.
 */
export async function survey(
  recipe: Recipe,
  out: string,
  options: {
    only?: ReadonlySet<string>;
    signal?: AbortSignal;
    verified?: Set<string>;
    set_aside: boolean;
  },
): Promise<Survey> {
  const { only, signal, verified = new Set(), set_aside } = options;
  const store = storeOf(out);
  const unusable = new Map<string, string>();
  const manifests = store.readManifests();
  for (const [key, manifest] of manifests) {
    if (isIntact(key, manifest)) continue;
    manifests.delete(key);
    unusable.set(key, MANIFEST_DAMAGED);
  }
  const known: Known = {
    manifests,
    unusable,
    last_keys: readLock(out, recipe.name).steps,
    unfinished: store.unfinished(),
  };
  // A step found unusable runs, and with it those that read it, so the next plan relies on fewer artifacts.
  for (;;) {
    const steps = plan(recipe, known, only);
    const before = unusable.size;
    for (const { action, key } of steps) {
      if (action !== "skip" || unusable.has(key!)) continue;
      if (signal?.aborted) throw new Interrupted();
      const reason = await findProblem(store, known, key!, verified, set_aside);
      if (reason) unusable.set(key!, reason);
    }
    if (unusable.size === before) return { steps, known };
  }
}

const MANIFEST_DAMAGED = "its manifest is damaged";

/** Whether a manifest still says what its key was made from, and names its outputs. */
function isIntact(key: string, manifest: Manifest): boolean {
  const outputs = Object.values(manifest.outputs);
  return artifactKey(manifest) === key &&
    outputs.every(({ digest, rows, bytes }) =>
      /^[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(rows) && Number.isSafeInteger(bytes)
    );
}

/** Verifies the outputs of a finished step; says what is wrong with the first that is not sound. */
export async function findProblem(
  store: Store,
  known: Pick<Known, "manifests">,
  key: string,
  verified: Set<string>,
  set_aside: boolean,
): Promise<string | undefined> {
  const manifest = known.manifests.get(key)!;
  if (!isIntact(key, manifest)) return MANIFEST_DAMAGED;
  const problems: { output: string; problem: Problem }[] = [];
  for (const [output, artifact] of Object.entries(manifest.outputs)) {
    for (const problem of await store.verify(artifact, verified)) {
      problems.push({ output, problem });
      if (set_aside && problem.state === "damaged") store.setAside(problem.digest);
    }
  }
  if (problems.length === 0) return undefined;
  const { output, problem } = problems[0];
  return `artifact ${problem.state} (output ${output}, ${problem.digest.slice(0, 12)})`;
}
