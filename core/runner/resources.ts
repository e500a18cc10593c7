/**
 * The cores, memory and GPU that each step needs, and what the machine has.
 *
 * @module
 */
import { memoryOf, type StepForecast } from "./forecast.ts";
import { type Recipe, type Step, upstream } from "../recipe/mod.ts";
import type { Budget, PlannedTask, Resources } from "../runs/mod.ts";

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
 * The steps of a plan with the resources they need. Memory counts only if several steps may run at the same time. A step
 * that computes a model but has no forecast counts as much as the largest forecast.
 */
export function planTasks(
  recipe: Recipe,
  forecasts: readonly StepForecast[],
  { jobs, cores }: Budget,
): PlannedTask[] {
  const steps = new Map(recipe.steps.map((step) => [step.id, step]));
  const is_shared = jobs > 1 && forecasts.filter(({ action }) => action === "run").length > 1;
  const memories = forecasts.map(({ forecast }) => is_shared ? memoryOf(forecast) : undefined);
  const largest = Math.max(0, ...memories.map((bytes) => bytes ?? 0));
  return forecasts.map(({ id, stage, action, reasons, key, past_seconds }, i) => {
    const plan = { id, stage, action, reasons, ...(key !== undefined && { key }) };
    const base = { id, after: upstream(steps.get(id)!) };
    if (action === "skip") {
      return { ...plan, task: { ...base, cores: 0, memory: 0 }, past_seconds: 0 };
    }
    const task = { ...base, ...resourcesOf(steps.get(id)!, cores, memories[i], largest) };
    return { ...plan, task, ...(past_seconds !== undefined && { past_seconds }) };
  });
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
