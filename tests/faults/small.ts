/**
 * Runs the small recipe in this process.
 *
 * @module
 */
import { join } from "node:path";
import { loadRecipe } from "@causeway/core/recipe";
import { run, type RunOptions } from "@causeway/core/runner";
import { type RunEvent } from "@causeway/core/runs";
import { digests } from "./traces.ts";

export const SMALL_RECIPE = new URL("./small_recipe.ts", import.meta.url);

/** How a run of the small recipe ended. */
export interface SmallRun {
  /** Tasks in order, as "count finished, add skipped, write waiting"; "" if the run did not get that far. */
  steps: string;
  /** Log messages of the tasks. */
  logs: string[];
  error?: Error & { code?: string };
}

/** Runs the small recipe in this thread. */
export function runSmall(out: string, options: Partial<RunOptions> = {}): Promise<SmallRun> {
  return runRecipe(SMALL_RECIPE, out, options);
}

/** Runs a recipe in this thread. */
export async function runRecipe(
  url: URL,
  out: string,
  options: Partial<RunOptions> = {},
): Promise<SmallRun> {
  const recipe = await loadRecipe(url.href);
  const logs: string[] = [];
  let steps = "";
  const onEvent: RunOptions["onEvent"] = (event, state) => {
    if (event.type === "log") logs.push(event.message);
    steps = state.steps.map(({ id, state }) => `${id} ${state}`).join(", ");
    options.onEvent?.(event, state);
  };
  try {
    await run(recipe, { out, ...options, onEvent });
    return { steps, logs };
  } catch (error) {
    return { steps, logs, error: error as Error };
  }
}

/** Runs the small recipe until a task first reports progress, and stops it there. */
export function runUntil(out: string, step: string): Promise<SmallRun> {
  const controller = new AbortController();
  const onEvent = (event: RunEvent) => {
    if (event.type === "report" && event.step === step) controller.abort(new Error("enough"));
  };
  return runSmall(out, { signal: controller.signal, onEvent });
}

/** Digests of all results of a run by path: manifests, objects and published files. */
export async function resultsOf(out: string): Promise<Record<string, string>> {
  const folders = ["store/manifests", "store/objects", "faults"];
  const found = await Promise.all(folders.map(async (folder) => {
    const files = await digests(join(out, folder));
    return [...files].map(([path, digest]) => [`${folder}/${path}`, digest] as const);
  }));
  return Object.fromEntries(found.flat().sort());
}
