/**
 * How long steps took in earlier runs, and how long a run will still take.
 *
 * @module
 */
import { runClock, RunFolder, type RunState, type StepState, timeLeft } from "../runs/mod.ts";
import { startable } from "./schedule.ts";

/** At most this many runs are read, the newest first. */
const MAX_RUNS = 20;

/**
 * Seconds that each step took in the newest run in which it finished.
 *
 * @param out output folder of the pipeline.
 * @param recipe name of the recipe; runs of others do not count.
 * @param steps ids to look for.
 */
export async function pastSeconds(
  out: string,
  recipe: string,
  steps: readonly string[],
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const runs = new RunFolder(out);
  for (const id of steps.length === 0 ? [] : runs.ids().slice(0, MAX_RUNS)) {
    if (steps.every((step) => found.has(step))) break;
    const state = await runs.get(id);
    if (state?.recipe !== recipe) continue;
    for (const step of state.steps) {
      if (step.state !== "finished" || !steps.includes(step.id) || found.has(step.id)) continue;
      found.set(step.id, seconds(step));
    }
  }
  return found;
}

/** Seconds of a step. If it resumed from a checkpoint, the part before it is added, at the same pace. */
function seconds({ started_at, ended_at, idle_ms = 0, reasons, first, last }: StepState): number {
  const shown = (ended_at! - started_at! - idle_ms) / 1000;
  const resumed = reasons.some((reason) => reason.startsWith("interrupted"));
  if (!resumed || !first || !last || last.done <= first.done) return shown;
  return shown + first.done * (last.time - first.time) / 1000 / (last.done - first.done);
}

/**
 * Seconds until the last step finishes: the schedule is simulated, with each step taking as long as when it last ran
 * with its config. Undefined unless that is known for every step. It may be less: a step whose inputs turn out
 * unchanged is skipped.
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
  // Seconds from now at which each step ends, in the order in which they start.
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
