/**
 * Runs the steps of a recipe side by side, as the scheduler allows.
 *
 * @module
 */
import { opened, type PauseGate, waitFor } from "./run_control.ts";
import { type Budget, startable, type Task } from "./schedule.ts";

/** How steps ended that did not reach their end, and whether some never began. */
export interface Dispatched {
  readonly errors: readonly unknown[];
  readonly left: number;
}

/**
 * Runs tasks until none is left. Once one has failed, or the signal is aborted, no other starts; those that run are
 * waited for, so that what they have computed is kept. While the gate is closed none starts either.
 *
 * @param tasks in the order of the recipe.
 * @param start runs one; undefined when it has to wait until one of those that run has ended.
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
