/**
 * Results of a run on the command line: its steps with what they made, and outputs by name.
 *
 * @module
 */
import { join } from "node:path";
import { LogReader, type RunState } from "../../runs/mod.ts";
import { type Artifact, type Manifest, Store } from "../../store/mod.ts";
import { UsageError } from "./console.ts";
import { findRun, listed, openRuns, recipeOf } from "./inputs.ts";

/** A run, with the results of its steps. */
export interface RunResults {
  readonly run: RunState;
  readonly store: Store;
  /** By step, in the order of the plan; results that were removed since are left out. */
  readonly manifests: ReadonlyMap<string, Manifest>;
}

/** Reads which results a run relied on or made. */
export async function resultsOf(out: string, run: RunState): Promise<RunResults> {
  const store = new Store(join(out, "store"));
  const keys = new Map<string, string>();
  for await (const event of LogReader.events(join(out, "runs", run.id, "events.jsonl"))) {
    if (event.type === "step_started" || event.type === "step_skipped") {
      keys.set(event.step, event.key);
    }
  }
  const manifests = new Map(run.steps.flatMap(({ id }) => {
    const key = keys.get(id);
    const manifest = key === undefined ? undefined : store.readManifest(key);
    return manifest ? [[id, manifest] as const] : [];
  }));
  return { run, store, manifests };
}

/** One output of a step. */
export interface NamedOutput {
  /** "losses.evaluation" */
  readonly name: string;
  readonly step: string;
  readonly artifact: Artifact;
}

/** All outputs of a run, in the order of its plan. */
export function outputsOf({ manifests }: RunResults): NamedOutput[] {
  return [...manifests].flatMap(([step, { outputs }]) =>
    Object.entries(outputs).map(([output, artifact]) => ({
      name: `${step}.${output}`,
      step,
      artifact,
    }))
  );
}

/**
 * Finds outputs by name: "STEP.OUTPUT", or "STEP" for all outputs of a step, of the newest run; after "RUN/" of another
 * run; "RUN" alone is all outputs of it.
 *
 * @throws {UsageError} naming what there is.
 */
export async function findOutputs(
  name: string,
  out: string,
): Promise<{ results: RunResults; outputs: NamedOutput[] }> {
  const ids = openRuns(out).ids();
  const isRun = (text: string) =>
    text === "latest" || ids.some((id) => id === text || recipeOf(id) === text);
  // Ids of steps may contain "/" too.
  const [, before, after] = /^([^/]*)\/(.+)$/s.exec(name) ?? [];
  const [run, rest] = isRun(name)
    ? [name, undefined]
    : before !== undefined && isRun(before)
    ? [before, after]
    : ["latest", name];
  const { state } = await findRun(run, out);
  const results = await resultsOf(out, state);
  const all = outputsOf(results);
  const outputs = all.filter((output) => {
    return rest === undefined || output.name === rest || output.step === rest;
  });
  if (outputs.length > 0) return { results, outputs };
  const known = listed(all.map(({ name }) => name));
  throw new UsageError(`run ${state.id} has no result "${rest ?? ""}"; it has ${known}`);
}
