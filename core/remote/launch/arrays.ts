/**
 * Steps of a plan grouped into arrays of jobs.
 *
 * @module
 */
import { type PlannedTask } from "../../runs/mod.ts";
import { type Step, upstream } from "../../recipe/mod.ts";
import type { JobResources } from "./launcher.ts";

/** Slurm's default MaxArraySize is 1001. */
const LARGEST_ARRAY = 1000;

/** Steps that need the same, and wait for the same. */
export interface StepArray {
  readonly steps: readonly string[];
  readonly resources: JobResources;
  /** Ids of the steps that have to be done before. */
  readonly waits_for: readonly string[];
}

/**
 * Groups steps that have to run. An array comes after all that it waits for.
 *
 * @param to_run in the order of the recipe.
 * @param steps of the recipe, by id.
 *
 * @example
 * ```ts
 * import { arraysOf } from "./arrays.ts";
 * import assert from "node:assert/strict";
 *
 * const ref = (step: string) => ({ step, output: "checkpoint", port: {} });
 * const step = (id: string, ...after: string[]) =>
 *   [id, { id, config: { threads: 1 }, inputs: Object.fromEntries(after.map((a) => [a, ref(a)])) }];
 * const steps = new Map([step("trunk"), step("code", "trunk"), step("math", "trunk")] as never[]);
 * const task = { cores: 1, memory: 0 };
 * const to_run = ["trunk", "code", "math"].map((id) => ({ id, task }));
 * const arrays = arraysOf(to_run as never[], steps as never);
 * assert.deepEqual(arrays.map(({ steps }) => steps), [["trunk"], ["code", "math"]]);
 * assert.deepEqual(arrays[1].waits_for, ["trunk"]);
 * ```
 */
export function arraysOf(
  to_run: readonly PlannedTask[],
  steps: ReadonlyMap<string, Step>,
): StepArray[] {
  const groups = new Map<string, StepArray & { steps: string[] }>();
  for (const { id, task } of to_run) {
    const step = steps.get(id)!;
    const waits_for = upstream(step).sort();
    const { threads } = Object(step.config) as Record<string, unknown>;
    const { cores, memory, device } = task;
    const resources = { cores, exclusive: threads === 0, memory, gpu: device !== undefined };
    const group = JSON.stringify([resources, waits_for]);
    if (!groups.has(group)) groups.set(group, { steps: [], resources, waits_for });
    groups.get(group)!.steps.push(id);
  }
  return [...groups.values()].flatMap(({ steps, ...group }) => {
    const parts = Math.ceil(steps.length / LARGEST_ARRAY);
    return Array.from({ length: parts }, (_, i) => {
      return { ...group, steps: steps.slice(i * LARGEST_ARRAY, (i + 1) * LARGEST_ARRAY) };
    });
  });
}
