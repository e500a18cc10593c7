/**
 * Which steps run when: several at the same time where they are independent and the machine has room for them.
 *
 * @module
 */
import type { Budget, Task } from "../runs/mod.ts";
import { opened, type PauseGate, waitFor } from "./run_control.ts";

/**
 * The steps to start now: in the order of the recipe, every step that is ready and fits. So a small step may overtake a
 * large one that does not fit yet. If nothing runs, the first ready step starts even if it exceeds the budget.
 *
 * @param tasks all steps, in the order of the recipe.
 * @param done ids of the finished steps.
 * @param running ids of the running steps.
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

/** The errors of steps that did not finish, and the number of steps that never started. */
export interface Dispatched {
  readonly errors: readonly unknown[];
  readonly left: number;
}

/**
 * Runs tasks until none is left. After a failure, or when the signal is aborted, no more tasks start; running ones are
 * awaited, so that their results are kept. While the run is paused none starts either.
 *
 * @param tasks in the order of the recipe.
 * @param start runs a task; returns undefined if it has to wait until a running one has ended.
 */
export async function dispatch<T extends Task>(
  tasks: readonly T[],
  budget: Budget,
  start: (task: T) => Promise<void> | undefined,
  signal: AbortSignal,
  gate?: PauseGate,
): Promise<Dispatched> {
  const done = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const errors: unknown[] = [];
  const follow = async (id: string, run: Promise<void>) => {
    try {
      await run;
      done.add(id);
    } catch (error) {
      errors.push(error);
    } finally {
      running.delete(id);
    }
  };
  for (;;) {
    const is_over = errors.length > 0 || signal.aborted;
    const next = is_over ? [] : startable(tasks, done, new Set(running.keys()), budget);
    if (gate?.paused && next.length > 0 && running.size === 0) {
      await opened(gate, signal);
      continue;
    }
    for (const task of gate?.paused ? [] : next) {
      const run = start(task);
      if (run) running.set(task.id, follow(task.id, run));
    }
    if (running.size === 0) return { errors, left: tasks.length - done.size - errors.length };
    const changed = gate && waitFor((done) => gate.onChange(done));
    await Promise.race([...running.values(), ...(changed ? [changed.promise] : [])]);
    changed?.cancel();
  }
}
