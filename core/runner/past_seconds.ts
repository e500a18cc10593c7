/**
 * How long steps took, from the event logs of earlier runs.
 *
 * @module
 */
import type { StepState } from "../runs/mod.ts";
import { RunFolder } from "../runs/mod.ts";

/** Runs that are looked through at most, the newest first. */
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

/** A step that went on from a checkpoint took longer than its last run shows: what was done before has its pace. */
function seconds({ started_at, ended_at, idle_ms = 0, reasons, first, last }: StepState): number {
  const shown = (ended_at! - started_at! - idle_ms) / 1000;
  const resumed = reasons.some((reason) => reason.startsWith("interrupted"));
  if (!resumed || !first || !last || last.done <= first.done) return shown;
  return shown + first.done * (last.time - first.time) / 1000 / (last.done - first.done);
}
