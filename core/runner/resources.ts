/**
 * The cores, memory and GPU that each step needs, and what the machine has.
 *
 * @module
 */
import type { Forecast } from "../stage/mod.ts";
import { forecastRecipe, ranWithThisConfig } from "./forecast.ts";
import { pastSeconds } from "./durations.ts";
import { type Recipe, type Step, upstream } from "../recipe/mod.ts";
import type { Budget, PlannedTask, Resources } from "../runs/mod.ts";
import type { VerifiedPlan } from "./verify.ts";

/** Share of the free memory to use: forecasts do not count what every process needs, and other programs need some too. */
const MEMORY_SHARE = 0.9;

/**
 * What steps may use together: the cores of this machine, and most of the memory that is free now.
 *
 * @param jobs steps at the same time.
 * @param memory bytes, instead of the free memory of this machine.
 */
export function machineBudget(jobs: number, memory?: number): Budget {
  const cores = navigator.hardwareConcurrency;
  // A step that runs alone may use any amount of memory.
  if (jobs === 1) return { jobs, cores, memory: 0 };
  return { jobs, cores, memory: memory ?? MEMORY_SHARE * Deno.systemMemoryInfo().available };
}

/**
 * The steps of a plan with the resources they need. Memory is forecast only if several steps may run at the same time. A
 * step that computes a model but has no forecast counts as much as the largest forecast.
 *
 * @param out output folder; forecasts use its results.
 */
export async function planTasks(
  recipe: Recipe,
  out: string,
  { steps: planned, earlier }: VerifiedPlan,
  { jobs, cores }: Budget,
): Promise<PlannedTask[]> {
  const to_run = planned.filter(({ action }) => action === "run").map(({ id }) => id);
  const steps = new Map(recipe.steps.map((step) => [step.id, step]));
  const ran = to_run.filter((id) => ranWithThisConfig(steps.get(id)!, earlier));
  const seconds = await pastSeconds(out, recipe.name, ran);
  const is_shared = jobs > 1 && to_run.length > 1;
  const forecasts = is_shared ? await forecastRecipe(recipe, out) : [];
  const memories = new Map(forecasts.map(({ id, forecast }) => [id, memoryOf(forecast)]));
  const largest = Math.max(0, ...[...memories.values()].map((bytes) => bytes ?? 0));
  return planned.map((plan) => {
    const { id } = plan;
    const base = { id, after: upstream(steps.get(id)!) };
    if (plan.action === "skip") {
      return { ...plan, task: { ...base, cores: 0, memory: 0 }, past_seconds: 0 };
    }
    const task = { ...base, ...resourcesOf(steps.get(id)!, cores, memories.get(id), largest) };
    return { ...plan, task, ...(seconds.has(id) && { past_seconds: seconds.get(id) }) };
  });
}

/** Bytes; undefined where the stage has no forecast. */
function memoryOf(forecast: Forecast | undefined): number | undefined {
  const parts = forecast?.memory && Object.values(forecast.memory);
  return parts?.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * The resources a step needs. Its cores are the config's `threads`, which is never changed because results depend on it;
 * 0 means all cores; or its `workers`, if these are more. A step without that field computes no model and counts as one core.
 *
 * @param memory bytes, if its stage forecasts them.
 * @param fallback bytes of a step that computes a model and has no forecast.
 */
export function resourcesOf(
  { config }: Pick<Step, "config">,
  cores: number,
  memory?: number,
  fallback = 0,
): Resources {
  const { threads, workers, device } = Object(config) as Record<string, unknown>;
  if (typeof threads !== "number") return { cores: 1, memory: memory ?? 0 };
  const on_gpu = typeof device === "string" && device !== "cpu";
  const wanted = Math.max(threads, typeof workers === "number" ? workers : 0);
  const used = threads === 0 ? cores : Math.min(wanted, cores);
  return { cores: used, memory: memory ?? fallback, ...(on_gpu && { device }) };
}
