/**
 * `deno task gc`: finds and removes what no recipe's results need any more.
 *
 * @module
 */
import { join } from "node:path";
import { assertNoSubmittedJobs } from "../../remote/launch/mod.ts";
import { lockFolder, LogReader, readLocks, type RecipeLock, RunFolder } from "../../runs/mod.ts";
import {
  findLeftovers,
  foldersLeft,
  type InUse,
  type Leftover,
  listFolders,
  removeLeftovers,
  Store,
} from "../../store/mod.ts";
import { type Console, formatTable, UsageError } from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { formatBytes, formatNumber } from "../../words/mod.ts";

export const command = defineCommand({
  name: "gc",
  summary: "Finds results that no recipe needs any more, and removes them with --delete",
  flags: {
    ...OUT_FLAG,
    delete: { help: "remove what is found; otherwise it is only listed" },
    keep_recipes: {
      value: "A,B",
      help: "keep only the results of these recipes (default: of all that ran here)",
      parse: (text: string) => text.split(","),
    },
  },
  examples: ["deno task gc", "deno task gc --delete"],
  notes:
    "Found are results of earlier configs, checkpoints of steps that have finished or restarted, " +
    "and damaged or incomplete files, also of exports. The latest results of each recipe, their inputs, and checkpoints " +
    "of interrupted runs are kept. Published files are copies and stay; event logs stay.",
});

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export const main = mainOf(command, async ({ flags }, io) => {
  const { out } = flags;
  if (!listFolders(out).includes("store")) {
    throw new UsageError(`there are no results in ${out}; name their folder with --out`);
  }
  await assertNoSubmittedJobs(out);
  const lock = await lockFolder(out);
  try {
    const store = new Store(join(out, "store"));
    const leftovers = [
      ...await findLeftovers(store, await inUse(store, out, flags.keep_recipes)),
      ...foldersLeft(join(out, "exports")),
    ];
    if (flags.delete) removeLeftovers(store, leftovers);
    print(leftovers, flags.delete, io);
  } finally {
    lock.unlock();
  }
});

/** @param names recipes; undefined: all. */
async function inUse(store: Store, out: string, names?: readonly string[]): Promise<InUse> {
  const recipes = readLocks(out);
  // Without it, no result would be in use.
  if (Object.keys(recipes).length === 0 && store.readManifests().size > 0) {
    throw new Error(`${join(out, "lock.json")} lists no results to keep: run the pipeline first`);
  }
  const kept = names ?? Object.keys(recipes);
  const results = kept.flatMap((name) => Object.values(findRecipe(recipes, name).steps));
  return { results, abandoned: await abandoned(out, names) };
}

function findRecipe(recipes: Readonly<Record<string, RecipeLock>>, name: string): RecipeLock {
  if (Object.hasOwn(recipes, name)) return recipes[name];
  const known = Object.keys(recipes).sort().join(", ") || "none";
  throw new UsageError(`recipe "${name}" has no results here; these have: ${known}`);
}

/**
 * Keys that steps were started with and that are not the last of their step: a run would restart there. Keys that are
 * in no event log are left out.
 *
 * @param kept recipes whose unfinished steps count; undefined: all.
 */
async function abandoned(out: string, kept: readonly string[] | undefined): Promise<Set<string>> {
  const known = new Set<string>();
  if (listFolders(join(out, "store", "work")).length === 0) return known;
  const last = new Map<string, string>();
  // From the oldest run to the newest.
  for (const id of new RunFolder(out).ids().reverse()) {
    let recipe = "";
    for await (const event of LogReader.events(join(out, "runs", id, "events.jsonl"))) {
      if (event.type === "run_started") recipe = event.recipe;
      if (event.type !== "step_started" && event.type !== "step_skipped") continue;
      known.add(event.key);
      if (kept?.includes(recipe) ?? true) last.set(`${recipe} ${event.step}`, event.key);
    }
  }
  return known.difference(new Set(last.values()));
}

function print(leftovers: readonly Leftover[], removed: boolean, io: Console): void {
  if (leftovers.length === 0) return io.out("Nothing to remove.");
  const objects = leftovers.filter(({ kind }) => kind === "object");
  const rows = leftovers.filter(({ kind }) => kind !== "object")
    .map(({ kind, name, bytes, reason }) => [kind, name, formatBytes(bytes), reason]);
  if (objects.length > 0) {
    const { reason } = objects[0];
    rows.push(["objects", formatNumber(objects.length), formatBytes(total(objects)), reason]);
  }
  io.out(formatTable(["what", "name", "size", "why"], rows, ["size"]));
  const size = formatBytes(total(leftovers));
  io.out(removed ? `Removed ${size}.` : `${size} can be removed; run again with --delete.`);
}

const total = (leftovers: readonly Leftover[]) =>
  leftovers.reduce((sum, { bytes }) => sum + bytes, 0);

if (import.meta.main) Deno.exit(await main(Deno.args));
