/**
 * Which steps may start: several at once where they are independent and the machine has room for them.
 *
 * @module
 */

/** What a step takes of the machine while it runs. */
export interface Resources {
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** The GPU that it computes on: its memory is not known here, so one step at a time has it. */
  readonly device?: string;
}

/** A step as the scheduler sees it. */
export interface Task extends Resources {
  readonly id: string;
  /** Ids of the steps that it reads. */
  readonly after: readonly string[];
}

/** What all steps that run at once may take. */
export interface Budget {
  /** Steps at once. */
  readonly jobs: number;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
}

/**
 * The steps to start now. The first in the order of the recipe that fits is taken, then the next, so that a small step
 * may overtake a large one that has no room yet. Where nothing runs, the first that is ready starts however large.
 *
 * @param tasks all steps, in the order of the recipe.
 * @param done ids of the steps whose results are there.
 * @param running ids of the steps that run.
 *
 * @example
 * ```ts
 * import { startable } from "./schedule.ts";
 * import assert from "node:assert/strict";
 *
 * const tasks = ["left", "right"].map((id) => ({ id, after: ["trunk"], cores: 1, memory: 0 }));
 * const budget = { jobs: 2, cores: 2, memory: Infinity };
 * const ids = (done: string[]) => startable(tasks, new Set(done), new Set(), budget).map(({ id }) => id);
 * assert.deepEqual(ids(["trunk"]), ["left", "right"]);
 * assert.deepEqual(ids([]), []);
 * ```
 */
export function startable<T extends Task>(
  tasks: readonly T[],
  done: ReadonlySet<string>,
  running: ReadonlySet<string>,
  budget: Budget,
): T[] {
  const beside = tasks.filter(({ id }) => running.has(id));
  const started: T[] = [];
  for (const task of tasks) {
    if (done.has(task.id) || running.has(task.id)) continue;
    if (!task.after.every((id) => done.has(id))) continue;
    if (fits(task, [...beside, ...started], budget)) started.push(task);
  }
  return started;
}

function fits(task: Task, beside: readonly Task[], { jobs, cores, memory }: Budget): boolean {
  if (beside.length === 0) return true;
  const all = [...beside, task];
  const total = (of: "cores" | "memory") => all.reduce((sum, task) => sum + task[of], 0);
  const gpu_is_free = task.device === undefined ||
    beside.every(({ device }) => device !== task.device);
  return all.length <= jobs && total("cores") <= cores && total("memory") <= memory && gpu_is_free;
}
