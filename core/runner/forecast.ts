/**
 * What the steps of a recipe will do and need, as their stages forecast it. Nothing runs and nothing is written.
 *
 * @module
 */
import type { Forecast, ForecastContext, Port } from "../stage/mod.ts";
import {
  type Artifact,
  canonicalJson,
  type Manifest,
  openArtifact,
  type Store,
} from "../store/mod.ts";
import type { PlannedStep } from "../runs/mod.ts";
import { pastSeconds } from "./durations.ts";
import { type EarlierResults, plan } from "./plan.ts";
import {
  checkRecipe,
  mapWired,
  type Recipe,
  type RecipeDraft,
  type Ref,
  type Step,
  type Wired,
} from "../recipe/mod.ts";
import { earlierResults, storeOf } from "./verify.ts";

/** A planned step with the forecast of its stage. */
export interface StepForecast extends PlannedStep {
  /** Undefined where the stage has no forecast. */
  readonly forecast?: Forecast;
  /** Step whose checkpoint it starts from. */
  readonly parent?: string;
  /** First characters of that checkpoint's digest, if it exists. */
  readonly parent_digest?: string;
  /** Bytes of its results, if it has run. */
  readonly written?: number;
  /** Seconds it took when it last ran with this config. */
  readonly past_seconds?: number;
}

/**
 * Asks every stage for its forecast, in order, passing on the forecasts of the steps it reads.
 *
 * Results are found by their manifests and not verified, since reading them all would take too long.
 *
 * @param out output folder of the pipeline; it need not exist.
 */
export async function forecastRecipe(
  given: Recipe | RecipeDraft,
  out: string,
): Promise<StepForecast[]> {
  const recipe = await checkRecipe(given);
  const store = storeOf(out);
  const earlier = earlierResults(recipe, out);
  const same = recipe.steps.filter((step) => ranWithThisConfig(step, earlier)).map(({ id }) => id);
  const seconds = await pastSeconds(out, recipe.name, same);
  const forecasts = new Map<string, StepForecast>();
  for (const planned of plan(recipe, earlier)) {
    const step = recipe.steps.find(({ id }) => id === planned.id)!;
    const manifest = planned.action === "skip" ? earlier.manifests.get(planned.key!) : undefined;
    const checkpoint = checkpointRef(step.inputs);
    const before = checkpoint && forecasts.get(checkpoint.step);
    const artifact = before?.key === undefined
      ? undefined
      : earlier.manifests.get(before.key)?.outputs[checkpoint!.output];
    forecasts.set(step.id, {
      ...planned,
      forecast: await forecastOf(
        step,
        forecasts,
        manifest && await openResults(step, manifest, store),
      ),
      ...(before?.forecast?.outputs && { parent: before.id }),
      ...(artifact && { parent_digest: artifact.digest.slice(0, 12) }),
      ...(manifest && { written: bytesOf(manifest) }),
      ...(seconds.has(step.id) && { past_seconds: seconds.get(step.id) }),
    });
  }
  return [...forecasts.values()];
}

/** Whether the last result of a step was made with the config that it has now. */
export function ranWithThisConfig(step: Step, { manifests, last_keys }: EarlierResults): boolean {
  const last = manifests.get(last_keys[step.id]);
  return last !== undefined && last.stage === step.stage.name &&
    canonicalJson(last.config) === canonicalJson(step.config);
}

/** Port formats of one checkpoint, and of several along a phase. */
const CHECKPOINTS = ["checkpoint", "checkpoint_series"];

/** The checkpoint that a step starts from: its input of such a format. */
function checkpointRef(inputs: Wired): Ref | undefined {
  const refs = Object.values(inputs).filter((wire): wire is Ref => "port" in wire);
  return refs.find(({ port }) => "format" in port && CHECKPOINTS.includes(port.format));
}

/** The forecast of a stage. If it throws, the step would fail, too, and the forecast says so. */
async function forecastOf(
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

/** A step's outputs, opened for reading; undefined if one of them cannot be opened, as if it had not run. */
async function openResults(step: Step, manifest: Manifest, store: Store) {
  const open = async ([name, artifact]: [string, Artifact]) => {
    const port: Port = step.stage.outputs[name];
    return [name, await openArtifact(store, port, artifact, `output "${name}"`)] as const;
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
