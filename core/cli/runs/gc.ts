/**
 * `deno task gc`: finds, and removes, what no recipe's results need any more.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "node:path";
import { assertNoSubmittedJobs } from "../../remote/launch/mod.ts";
import { lockFolder, LogReader, readLocks, type RecipeLock, RunFolder } from "../../runs/mod.ts";
import {
  findLeftovers,
  type InUse,
  type Leftover,
  listFolders,
  removeLeftovers,
  Store,
} from "../../store/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";
import { formatBytes, formatNumber, formatTable } from "../shared/format.ts";

const HELP =
  `Finds what no recipe's last results need: results of earlier configs, checkpoints of steps
that have finished or were started anew, damaged and half-written files.

Usage: deno task gc [options]

  --out DIR              folder with results (default: out)
  --delete               remove what is found; otherwise it is only listed
  --keep-recipes A,B     keep the results of these recipes only (default: of all that ran here)
  --help                 print this

Last results, what they were made from, and checkpoints that an interrupted run would go on from
are kept. Published files are copies and stay. Event logs stay.`;

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const string = ["out", "keep-recipes"] as const;
    const boolean = ["delete", "help"] as const;
    const flags = parseArgs(args, {
      string,
      boolean,
      alias: { help: "h" },
      default: { out: "out" },
      unknown: checkFlags([...string, ...boolean], "deno task gc"),
    });
    if (flags.help) return io.out(HELP), 0;
    const { out } = flags;
    if (!listFolders(out).includes("store")) {
      throw new UsageError(`there are no results in ${out}; name their folder by --out`);
    }
    assertNoSubmittedJobs(out);
    const lock = await lockFolder(out);
    try {
      const store = new Store(join(out, "store"));
      const leftovers = await findLeftovers(store, await inUse(store, out, flags["keep-recipes"]));
      if (flags.delete) removeLeftovers(store, leftovers);
      print(leftovers, flags.delete, io);
    } finally {
      lock.unlock();
    }
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** @param names recipes, separated by commas; undefined: all. */
async function inUse(store: Store, out: string, names: string | undefined): Promise<InUse> {
  const recipes = readLocks(out);
  // Without it, no result would be in use.
  if (Object.keys(recipes).length === 0 && store.readManifests().size > 0) {
    throw new Error(`${join(out, "lock.json")} names no results to keep: run the pipeline first`);
  }
  const kept = names?.split(",") ?? Object.keys(recipes);
  const results = kept.flatMap((name) => Object.values(findRecipe(recipes, name).steps));
  return { results, abandoned: await abandoned(out, names === undefined ? undefined : kept) };
}

function findRecipe(recipes: Readonly<Record<string, RecipeLock>>, name: string): RecipeLock {
  if (Object.hasOwn(recipes, name)) return recipes[name];
  const known = Object.keys(recipes).sort().join(", ") || "none";
  throw new UsageError(`no recipe "${name}" has results here; these have: ${known}`);
}

/**
 * Keys that steps were started with, and that are not the last of their step: a run would start anew there. A key that
 * no event log knows is not among them.
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
  if (leftovers.length === 0) return io.out("There is nothing to remove.");
  const objects = leftovers.filter(({ kind }) => kind === "object");
  const rows = leftovers.filter(({ kind }) => kind !== "object")
    .map(({ kind, name, bytes, reason }) => [kind, name, formatBytes(bytes), reason]);
  if (objects.length > 0) {
    const { reason } = objects[0];
    rows.push(["objects", formatNumber(objects.length), formatBytes(total(objects)), reason]);
  }
  io.out(formatTable(["what", "name", "size", "why"], rows, ["size"]));
  const size = formatBytes(total(leftovers));
  io.out(removed ? `${size} were removed.` : `${size} can be removed: run again with --delete.`);
}

const total = (leftovers: readonly Leftover[]) =>
  leftovers.reduce((sum, { bytes }) => sum + bytes, 0);

if (import.meta.main) Deno.exit(await main(Deno.args));
