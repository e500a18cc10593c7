/**
 * What commands read, as the command line names it: a recipe, the data root, a run. The same for every command.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type LoadOptions, loadRecipe, type Recipe, recipeUrl } from "../../recipe/mod.ts";
import { RunFolder, type RunState } from "../../runs/mod.ts";
import type { Argument, Flags } from "./command.ts";
import { UsageError } from "./console.ts";

export const RECIPE_FLAGS = {
  recipe: { value: "FILE", help: "the recipe; the same as RECIPE" },
  out: { value: "DIR", default: "out", help: "folder for results" },
  device: {
    value: "NAME",
    help: "compute on cpu, webgpu (any GPU) or cuda, whatever the recipe says",
  },
  set: {
    value: "PATH=VALUE",
    many: true,
    help: 'change a field of the recipe: sft.epochs=2 for step "sft", stage:sft.epochs=2 for all ' +
      "steps of a stage, seed=7",
    expects: "PATH=VALUE, such as sft.epochs=2",
    parse: (text: string) => /^[^=]+=/.test(text) ? text : undefined,
  },
  data_root: {
    value: "DIR",
    help: "read named datasets from the folders in this one instead of the hub",
  },
} as const satisfies Flags;

const QUICKSTART = "recipes/quickstart.ts";

export const RECIPE_ARGUMENT: Argument = {
  name: "RECIPE",
  help: `the recipe, TypeScript, JSON or YAML (default: ${QUICKSTART})`,
  optional: true,
};

/** Stages that a JSON recipe may use by name: a file of the same form as its field "stages". */
const STAGES = new URL("../../../recipes/stages.json", import.meta.url).href;

export interface NamedRecipe {
  readonly recipe: Recipe;
  readonly url: string;
  readonly load: LoadOptions;
}

/**
 * Loads the recipe that the command line names. Its named datasets come from `--data-root` from then on.
 *
 * @throws {UsageError} when two recipes are named, or the data root is not a folder.
 * @throws {RecipeError} when the recipe is not valid.
 */
export async function loadNamedRecipe(flags: {
  readonly recipe?: string;
  readonly device?: string;
  readonly set?: readonly string[];
  readonly data_root?: string;
}, [argument]: readonly string[] = []): Promise<NamedRecipe> {
  const { recipe: flag } = flags;
  if (argument !== undefined && flag !== undefined) {
    throw new UsageError(`two recipes are named, "${argument}" and --recipe ${flag}; name one`);
  }
  useDataRoot(flags.data_root);
  const url = recipeUrl(existingPath(argument ?? flag ?? QUICKSTART));
  const load = { device: flags.device, set: flags.set ?? [], stages: STAGES };
  return { recipe: await loadRecipe(url, load), url, load };
}

/** Read by the dataset cards, in every thread. */
export const DATA_ROOT_VARIABLE = "CAUSEWAY_DATA_ROOT";

/**
 * Makes named datasets come from a folder. The folder is not part of any config: results depend on the content of the
 * files, whose digests are.
 *
 * @param folder undefined leaves the environment's setting.
 * @throws {UsageError} when there is no such folder.
 */
export function useDataRoot(folder: string | undefined): void {
  if (folder === undefined) return;
  const path = existingPath(folder);
  if (!isFolder(path)) throw new UsageError(`--data-root ${folder} is not a folder`);
  Deno.env.set(DATA_ROOT_VARIABLE, path);
}

/**
 * The absolute path of a file or folder to read. `deno task` changes to the project's folder; a file in the folder where
 * it was called comes first.
 */
function existingPath(path: string): string {
  const called_in = Deno.env.get("INIT_CWD");
  const near = called_in === undefined ? undefined : resolve(called_in, path);
  return near !== undefined && existsSync(near) ? near : resolve(path);
}

/** Whether there is a folder of that path. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What help says of an argument that names a run. */
export const RUN_HELP = 'a run id, "latest", or the name of a recipe (its newest run)';

export const OUT_FLAG = {
  out: { value: "DIR", default: "out", help: "folder with the results" },
} as const satisfies Flags;

const MAX_LISTED = 20;

export interface FoundRun {
  readonly id: string;
  /** Older runs of that name, the newest first; none where a run id was given. */
  readonly earlier: readonly string[];
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
  const named = ids.includes(name)
    ? [name]
    : ids.filter((id) => name === "latest" || recipeOf(id) === name);
  const [id, ...earlier] = named;
  const state = id === undefined ? undefined : await runs.get(id);
  if (id !== undefined && state) return { id, state, runs, earlier };
  const near = ids.filter((id) => name !== "" && id.includes(name)).slice(0, 3);
  const known = near.length > 0
    ? `similar runs: ${near.join(", ")}`
    : `recipes that ran there: ${listed([...new Set(ids.map(recipeOf))])}`;
  throw new UsageError(`no run or recipe "${name}" in ${out}; ${known}`);
}

/** "20260131T154500Z-quickstart" is a run of the recipe "quickstart". */
export const recipeOf = (id: string) => id.replace(/^[^-]*-/, "");

/** Names for a message, the first of many. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(", ") || "none";
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
