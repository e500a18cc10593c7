/**
 * How long a run will still take.
 *
 * @module
 */
import { runClock, type RunState, type StepState, timeLeft } from "../runs/mod.ts";
import { startable } from "./schedule.ts";

/**
 * Seconds until the last step is done, if all steps take what they took when they last ran with their configs, and
 * start as the scheduler lets them; undefined where that is not known of every one. A step whose inputs come out the
 * same is skipped after all, so it may be less.
 *
 * @param at Unix milliseconds.
 */
export function runTimeLeft(state: RunState, at: number): number | undefined {
  const { steps, budget } = state;
  const now = runClock(state, at);
  if (state.state !== "running" || !budget) return undefined;
  const left = new Map(steps.map((step) => [step.id, stepTimeLeft(step, now)]));
  const tasks = steps.flatMap(({ task }) => task ?? []);
  if (tasks.length < steps.length || [...left.values()].includes(undefined)) return undefined;
  // Seconds from now at which each step ends, by the order in which they would be started.
  const ends = new Map(state.running.map((id) => [id, left.get(id)!]));
  for (let at = 0;;) {
    const ended = (id: string) => ends.has(id) && ends.get(id)! <= at;
    const done = new Set(
      steps.filter((step) => isDone(step) || ended(step.id)).map(({ id }) => id),
    );
    const running = [...ends].filter(([id]) => !done.has(id));
    for (const { id } of startable(tasks, done, new Set(running.map(([id]) => id)), budget)) {
      ends.set(id, at + left.get(id)!);
      running.push([id, ends.get(id)!]);
    }
    if (running.length === 0) return done.size === steps.length ? at : undefined;
    at = Math.min(...running.map(([, end]) => end));
  }
}

const isDone = ({ state }: StepState) => state === "finished" || state === "skipped";

function stepTimeLeft(step: StepState, now: number): number | undefined {
  if (isDone(step)) return 0;
  const { past_seconds, started_at, idle_ms = 0 } = step;
  if (step.state !== "running") return past_seconds;
  const rest = past_seconds && Math.max(0, past_seconds - (now - started_at! - idle_ms) / 1000);
  return timeLeft(step, now) ?? rest;
}
