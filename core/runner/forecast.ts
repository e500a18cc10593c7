/**
 * What the steps of a recipe will do and need, told by their stages. Nothing runs, and nothing is written.
 *
 * @module
 */
import type { Forecast, ForecastContext } from "../stage/mod.ts";
import { type Artifact, canonicalJson, type Manifest, openFiles, openTable } from "../store/mod.ts";
import type { Store } from "../store/mod.ts";
import { readLock } from "../runs/mod.ts";
import { pastSeconds } from "./past_seconds.ts";
import { type Known, mapWired, plan, type PlannedStep } from "./plan.ts";
import { type Recipe, settle, type Step } from "../recipe/mod.ts";
import { storeOf } from "./survey.ts";
import type { Ref, Wired } from "../recipe/mod.ts";

/** One step, with what its stage says of it. */
export interface StepForecast extends PlannedStep {
  /** Undefined where the stage says nothing. */
  readonly forecast?: Forecast;
  /** Step whose checkpoint it goes on from. */
  readonly parent?: string;
  /** The start of that checkpoint's digest, where it is there. */
  readonly parent_digest?: string;
  /** Bytes of its results, where it has run. */
  readonly written?: number;
  /** What it took when it last ran with this config. */
  readonly past_seconds?: number;
}

/**
 * Asks every stage for its forecast, in order, so that each knows those of the steps before it.
 *
 * Results are found by their manifests and not verified: a forecast may not take as long as reading them.
 *
 * @param out output folder of the pipeline; it need not exist.
 */
export async function forecastRecipe(unsettled: Recipe, out: string): Promise<StepForecast[]> {
  const recipe = await settle(unsettled);
  const store = storeOf(out);
  const known: Known = {
    manifests: store.readManifests(),
    unusable: new Map(),
    last_keys: readLock(out, recipe.name).steps,
    unfinished: store.unfinished(),
  };
  const same = recipe.steps.filter((step) => ranWithThisConfig(step, known)).map(({ id }) => id);
  const seconds = await pastSeconds(out, recipe.name, same);
  const forecasts = new Map<string, StepForecast>();
  for (const planned of plan(recipe, known)) {
    const step = recipe.steps.find(({ id }) => id === planned.id)!;
    const manifest = planned.action === "skip" ? known.manifests.get(planned.key!) : undefined;
    const checkpoint = checkpointRef(step.inputs);
    const before = checkpoint && forecasts.get(checkpoint.step);
    const artifact = before?.key === undefined
      ? undefined
      : known.manifests.get(before.key)?.outputs[checkpoint!.output];
    forecasts.set(step.id, {
      ...planned,
      forecast: await ask(step, forecasts, manifest && await openResults(step, manifest, store)),
      ...(before?.forecast?.outputs && { parent: before.id }),
      ...(artifact && { parent_digest: artifact.digest.slice(0, 12) }),
      ...(manifest && { written: bytesOf(manifest) }),
      ...(seconds.has(step.id) && { past_seconds: seconds.get(step.id) }),
    });
  }
  return [...forecasts.values()];
}

/** Whether the last result of a step was made with the config that it has now. */
export function ranWithThisConfig(step: Step, { manifests, last_keys }: Known): boolean {
  const last = manifests.get(last_keys[step.id]);
  return last !== undefined && last.stage === step.stage.name &&
    canonicalJson(last.config) === canonicalJson(step.config);
}

/** Formats of one checkpoint, and of those along a phase. */
const CHECKPOINTS = ["checkpoint", "checkpoint_series"];

/** The checkpoint that a step goes on from: its one input of such a format. */
function checkpointRef(inputs: Wired): Ref | undefined {
  const refs = Object.values(inputs).filter((wire): wire is Ref => "port" in wire);
  return refs.find(({ port }) => "format" in port && CHECKPOINTS.includes(port.format));
}

/** What cannot be told because it would fail is told as such. */
async function ask(
  step: Step,
  before: ReadonlyMap<string, StepForecast>,
  results: ForecastContext<never, never, never>["results"],
): Promise<Forecast | undefined> {
  if (!step.stage.forecast) return undefined;
  const ports = Object.keys(step.stage.inputs);
  const wired = mapWired(step.inputs, ({ step: id, output }) => {
    return before.get(id)!.forecast?.outputs?.[output];
  });
  const parents = { ...Object.fromEntries(ports.map((port) => [port, undefined])), ...wired };
  const config = structuredClone(step.config);
  try {
    return await step.stage.forecast({ config, seed: step.seed, parents, results } as never);
  } catch (error) {
    return { notes: [`would fail: ${(error as Error).message}`] };
  }
}

/** A step's outputs as inputs; undefined where one of them cannot be opened, as if it had not run. */
async function openResults(step: Step, manifest: Manifest, store: Store) {
  const open = async ([name, artifact]: [string, Artifact]) => {
    const port = step.stage.outputs[name], origin = `output "${name}"`;
    return [
      name,
      port.kind === "table"
        ? await openTable(store, artifact, port.columns, origin)
        : await openFiles(store, artifact, origin),
    ] as const;
  };
  try {
    const opened = await Promise.all(Object.entries(manifest.outputs).map(open));
    return Object.fromEntries(opened) as never;
  } catch {
    return undefined;
  }
}

function bytesOf({ outputs }: Manifest): number {
  return Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0);
}
