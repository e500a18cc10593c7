/**
 * Plans a recipe on the results of earlier runs, and verifies the results that the plan relies on.
 *
 * @module
 */
import { join } from "node:path";
import { checkRecipe, type Recipe, type RecipeDraft } from "../recipe/mod.ts";
import {
  artifactKey,
  type Manifest,
  type Problem,
  Store,
  type Verification,
  VerifiedFiles,
  type VerifiedFilesOptions,
} from "../store/mod.ts";
import { type PlannedStep, readLock } from "../runs/mod.ts";
import { Interrupted } from "./errors.ts";
import { type EarlierResults, plan } from "./plan.ts";

/** A plan whose skipped steps have intact results, with what it was made from. */
export interface VerifiedPlan {
  readonly steps: PlannedStep[];
  readonly earlier: EarlierResults;
  readonly verification: Verification;
}

/** Store of an output folder. */
export function storeOf(out: string): Store {
  return new Store(join(out, "store"));
}

/** What is known of the files of an output folder, its published ones included. */
export function verifiedFiles(
  out: string,
  options: Omit<VerifiedFilesOptions, "list"> = {},
): VerifiedFiles {
  return new VerifiedFiles({ list: join(out, "verified.json"), ...options });
}

/** How to verify. */
export interface VerifyOptions {
  /** Ids of the steps to consider; all by default. */
  readonly only?: ReadonlySet<string>;
  /** Ids of steps that run even if they have a result. */
  readonly again?: ReadonlySet<string>;
  /** Abort it to stop between two steps: reading large results takes a while. */
  readonly signal?: AbortSignal;
  /** Knows which files need not be read. By default those that an earlier run remembered. */
  readonly files?: VerifiedFiles;
  /** Moves damaged objects out of the way. By default nothing is changed, as in a dry run. */
  readonly quarantine?: boolean;
}

/**
 * Plans a recipe on an output folder. Every object of a skipped step is compared with its digest, or unchanged since it
 * was; where one is damaged or missing, the step runs again.
 *
 * @throws {Interrupted} when the signal was aborted.
 */
export async function verify(
  given: Recipe | RecipeDraft,
  out: string,
  options: VerifyOptions = {},
): Promise<VerifiedPlan> {
  const store = storeOf(out);
  const { only, again, signal, files = verifiedFiles(out), quarantine = false } = options;
  const recipe = await checkRecipe(given);
  const earlier = earlierResults(recipe, out);
  const { unusable } = earlier;
  try {
    // A step with an unusable result runs, and with it the steps that read it, so the next plan relies on fewer results.
    for (;;) {
      const steps = plan(recipe, earlier, only, again);
      const before = unusable.size;
      for (const { action, key } of steps) {
        if (action !== "skip" || unusable.has(key!)) continue;
        if (signal?.aborted) throw new Interrupted();
        const manifest = earlier.manifests.get(key!)!;
        const reason = await files.countResult(
          key!,
          () => findProblem(store, key!, manifest, files, quarantine),
        );
        if (reason) unusable.set(key!, reason);
      }
      if (unusable.size === before) return { steps, earlier, verification: files.verification };
    }
  } finally {
    files.save();
  }
}

/** The results of earlier runs, as their manifests say; their objects are not read. */
export function earlierResults({ name }: Recipe, out: string) {
  const store = storeOf(out);
  const unusable = new Map<string, string>();
  const manifests = store.readManifests();
  for (const [key, manifest] of manifests) {
    if (isIntact(key, manifest)) continue;
    manifests.delete(key);
    unusable.set(key, MANIFEST_DAMAGED);
  }
  const last_keys = readLock(out, name).steps;
  return { manifests, unusable, last_keys, unfinished: store.unfinished() };
}

const MANIFEST_DAMAGED = "its manifest is damaged";

/** Whether a manifest matches its key and its outputs are well-formed. */
function isIntact(key: string, manifest: Manifest): boolean {
  const outputs = Object.values(manifest.outputs);
  return artifactKey(manifest) === key &&
    outputs.every(({ digest, rows, bytes }) =>
      /^[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(rows) && Number.isSafeInteger(bytes)
    );
}

/** Verifies the outputs of a finished step; returns what is wrong with the first damaged one. */
export async function findProblem(
  store: Store,
  key: string,
  manifest: Manifest,
  files: VerifiedFiles,
  quarantine: boolean,
): Promise<string | undefined> {
  if (!isIntact(key, manifest)) return MANIFEST_DAMAGED;
  const problems: { output: string; problem: Problem }[] = [];
  for (const [output, artifact] of Object.entries(manifest.outputs)) {
    for (const problem of await store.verify(artifact, files)) {
      problems.push({ output, problem });
      if (quarantine && problem.state === "damaged") store.quarantine(problem.digest);
    }
  }
  if (problems.length === 0) return undefined;
  const { output, problem } = problems[0];
  return `artifact ${problem.state} (output ${output}, ${problem.digest.slice(0, 12)})`;
}

/** Results that are shared with other machines. */
export interface SharedResults {
  /** Fetches the result of a step into the store, if there is one. */
  pull(key: string): Promise<boolean>;
  /** Queues a result of the store to be shared. */
  push(key: string): void;
  /** Waits until everything pushed is shared or has failed. */
  settled(): Promise<void>;
}

/**
 * Plans as `verify` does, after fetching shared results of steps that would run. Each result may make the keys of
 * further steps known, so this repeats until nothing more is found.
 */
export async function verifyWithShared(
  shared: SharedResults | undefined,
  ...args: Parameters<typeof verify>
): Promise<VerifiedPlan> {
  const asked = new Set<string>();
  for (;;) {
    const verified = await verify(...args);
    const unknown = verified.steps.flatMap(({ action, key }) =>
      shared && action === "run" && key && !asked.has(key) ? [key] : []
    );
    let found = false;
    for (const key of new Set(unknown)) {
      asked.add(key);
      found = await shared!.pull(key) || found;
    }
    if (!found) return verified;
  }
}
