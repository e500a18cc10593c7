/**
 * What steps take of the machine, for those that run beside each other.
 *
 * @module
 */
import type { Forecast } from "../stage/mod.ts";
import { forecastRecipe, ranWithThisConfig } from "./forecast.ts";
import { pastSeconds } from "./past_seconds.ts";
import { type PlannedStep, upstream } from "./plan.ts";
import type { Recipe, Step } from "../recipe/mod.ts";
import type { Budget, Resources, Task } from "./schedule.ts";
import type { Survey } from "./survey.ts";

/** A step of a plan, with what it takes. */
export interface PlannedTask extends PlannedStep {
  readonly task: Task;
  /** What it took when it last ran with this config; 0 where it need not run. */
  readonly past_seconds?: number;
}

/** Share of the memory that is free: forecasts leave out what any process takes, and others want some as well. */
const MEMORY_SHARE = 0.9;

/**
 * What steps may take together: the cores of this machine, and most of the memory that is free now.
 *
 * @param jobs steps at once.
 * @param memory bytes, instead of what this machine has free.
 */
export function machineBudget(jobs: number, memory?: number): Budget {
  const cores = navigator.hardwareConcurrency;
  // One alone may take any memory.
  if (jobs === 1) return { jobs, cores, memory: 0 };
  return { jobs, cores, memory: memory ?? MEMORY_SHARE * Deno.systemMemoryInfo().available };
}

/**
 * The steps of a plan as tasks. Only where several may run at once are the stages asked what memory they take; one that
 * computes a model and cannot tell yet is taken to need as much as the largest that can.
 *
 * @param out output folder, whose results forecasts go by.
 */
export async function planTasks(
  recipe: Recipe,
  out: string,
  { steps: planned, known }: Survey,
  { jobs, cores }: Budget,
): Promise<PlannedTask[]> {
  const to_run = planned.filter(({ action }) => action === "run").map(({ id }) => id);
  const steps = new Map(recipe.steps.map((step) => [step.id, step]));
  const ran = to_run.filter((id) => ranWithThisConfig(steps.get(id)!, known));
  const seconds = await pastSeconds(out, recipe.name, ran);
  const ask = jobs > 1 && to_run.length > 1;
  const forecasts = ask ? await forecastRecipe(recipe, out) : [];
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

/** Bytes; undefined where the stage does not tell. */
function memoryOf(forecast: Forecast | undefined): number | undefined {
  const parts = forecast?.memory && Object.values(forecast.memory);
  return parts?.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * What a step takes. The number of threads is part of what it computes, so it is taken as it stands: where the config
 * says 0, which means one per core, the step has the machine to itself. A step that has no such field computes no model,
 * and counts as one core.
 *
 * @param memory bytes, where its stage tells.
 * @param otherwise bytes of a step that computes a model and does not tell.
 */
export function resourcesOf(
  { config }: Pick<Step, "config">,
  cores: number,
  memory?: number,
  otherwise = 0,
): Resources {
  const { threads, device } = Object(config) as Record<string, unknown>;
  if (typeof threads !== "number") return { cores: 1, memory: memory ?? 0 };
  const on_gpu = typeof device === "string" && device !== "cpu";
  const taken = threads === 0 ? cores : Math.min(threads, cores);
  return { cores: taken, memory: memory ?? otherwise, ...(on_gpu && { device }) };
}
