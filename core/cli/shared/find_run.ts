/**
 * Runs named on the command line.
 *
 * @module
 */
import { RunFolder, type RunState } from "../../runs/mod.ts";
import { UsageError } from "./console.ts";
import type { Flags } from "./command.ts";

/** What help says of an argument that names a run. */
export const RUN_HELP = 'a run id, "latest", or the name of a recipe (its newest run)';

export const OUT_FLAG = {
  out: { value: "DIR", default: "out", help: "folder with the results" },
} as const satisfies Flags;

const MAX_LISTED = 20;

export interface FoundRun {
  readonly id: string;
  readonly state: RunState;
  readonly runs: RunFolder;
}

/**
 * The runs of an output folder.
 *
 * @throws {UsageError} when it has none.
 */
export function openRuns(out: string): RunFolder {
  const runs = new RunFolder(out);
  if (runs.ids().length > 0) return runs;
  throw new UsageError(`there are no runs in ${out}; name the folder of the results with --out`);
}

/**
 * Finds a run.
 *
 * @param name a run id, "latest", or the name of a recipe.
 * @throws {UsageError} naming runs and recipes that exist.
 */
export async function findRun(name: string, out: string): Promise<FoundRun> {
  const runs = openRuns(out);
  const ids = runs.ids();
  const id = name === "latest"
    ? ids[0]
    : ids.find((id) => id === name) ?? ids.find((id) => recipeOf(id) === name);
  const state = id === undefined ? undefined : await runs.get(id);
  if (id !== undefined && state) return { id, state, runs };
  const near = ids.filter((id) => name !== "" && id.includes(name)).slice(0, 3);
  const known = near.length > 0
    ? `similar runs: ${near.join(", ")}`
    : `recipes that ran there: ${listed([...new Set(ids.map(recipeOf))])}`;
  throw new UsageError(`no run or recipe "${name}" in ${out}; ${known}`);
}

/** "20260131T154500Z-quickstart" is a run of the recipe "quickstart". */
const recipeOf = (id: string) => id.replace(/^[^-]*-/, "");

/** Names for a message, the first of many. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(", ") || "none";
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
