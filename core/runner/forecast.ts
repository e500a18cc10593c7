/**
 * What the steps of a recipe will do and need, as their stages forecast it. Nothing runs and nothing is written.
 *
 * @module
 */
import type { Forecast, ForecastContext, Port } from "../stage/mod.ts";
import { errorText } from "../words/mod.ts";
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
import { earlierResults, storeOf, type VerifiedPlan } from "./verify.ts";

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
 * @param out output folder of the pipeline; it need not exist.
 * @param verified a plan whose results were verified; by default they are found by their manifests, since reading them all
 *   would take too long.
 */
export async function forecastRecipe(
  given: Recipe | RecipeDraft,
  out: string,
  verified?: Pick<VerifiedPlan, "steps" | "earlier">,
): Promise<StepForecast[]> {
  const recipe = await checkRecipe(given);
  const store = storeOf(out);
  const earlier = verified?.earlier ?? earlierResults(recipe, out);
  const same = recipe.steps.filter((step) => ranWithThisConfig(step, earlier)).map(({ id }) => id);
  const seconds = await pastSeconds(out, recipe.name, same);
  const forecasts = new Map<string, StepForecast>();
  for (const planned of verified?.steps ?? plan(recipe, earlier)) {
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

/** The forecast of a stage. If it throws, the step would fail, too: a problem. */
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
    return { problems: [errorText(error)] };
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

/** Bytes of memory that a step needs; undefined where its stage has no forecast of it. */
export function memoryOf(forecast: Forecast | undefined): number | undefined {
  return forecast?.memory && sum(Object.values(forecast.memory));
}

/** Bytes on disk of several steps together. */
export interface DiskNeeds {
  /** Of results, those that exist included. */
  readonly results: number;
  /** More while the largest step runs. */
  readonly scratch: number;
  /** Of tokens that do not exist yet, as many as are trained on. */
  readonly tokens: number;
}

export function diskNeeds(steps: readonly StepForecast[]): DiskNeeds {
  const results = steps.map(({ written, forecast }) =>
    written ?? sum(Object.values(forecast?.disk ?? {}))
  );
  const needed = [...neededTokens(steps).values()];
  return {
    results: sum(results),
    scratch: Math.max(0, ...steps.map(({ forecast }) => forecast?.scratch ?? 0)),
    tokens: sum(needed.map(({ tokens, bytes }) => tokens * bytes)),
  };
}

/** Tokens to make of each source that does not exist yet, and bytes of one; a source is tokenized once for all steps. */
export function neededTokens(
  steps: readonly StepForecast[],
): Map<string, { tokens: number; bytes: number }> {
  const needed = new Map<string, { tokens: number; bytes: number }>();
  const sources = steps.flatMap(({ forecast }) => forecast?.training?.sources ?? []);
  for (const { source, tokens, before, available, token_bytes } of sources) {
    if (token_bytes === undefined || available !== undefined) continue;
    const most = Math.max(tokens + before, needed.get(source)?.tokens ?? 0);
    needed.set(source, { tokens: most, bytes: token_bytes });
  }
  return needed;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
