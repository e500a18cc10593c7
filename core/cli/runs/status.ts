/**
 * `deno task status`: the runs of a folder, from another terminal. It reads event logs, and needs no server.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { RunFolder, type RunIndex, type RunState } from "../../runs/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";
import { summarize } from "../run/final_table.ts";
import { renderRun, renderRuns } from "./render_runs.ts";

const HELP = `Tells of the runs of a folder.

Usage: deno task status [RUN] [options]

Without RUN, all runs, the newest first. RUN is a run id, "latest", or the name of a recipe, which
means its newest run: its steps, failures, and last lines of its log.

  --watch      go on until the run is over (of RUN, or the newest run)
  --json       JSON for programs
  --limit N    runs at most (default: 20)
  --out DIR    folder with the results (default: out)
  --help       print this

Exit codes: 0, with --watch those of the run: 0 finished, 1 failed or lost, 130 interrupted.`;

const WATCH_MS = 1000;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

interface Options {
  run?: string;
  watch: boolean;
  json: boolean;
  limit: number;
  out: string;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const string = ["limit", "out"] as const, boolean = ["watch", "json", "help"] as const;
  const known = checkFlags([...string, ...boolean], "deno task status");
  const flags = parseArgs(args, {
    string: [...string, "_"],
    boolean,
    alias: { help: "h" },
    default: { out: "out", limit: "20" },
    unknown: (arg, key) => key === undefined ? undefined : known(arg, key),
  });
  if (flags.help) return undefined;
  if (!/^[1-9]\d*$/.test(flags.limit)) {
    throw new UsageError(`--limit takes a number of at least 1, not ${flags.limit || "nothing"}`);
  }
  const [run, ...more] = flags._.map(String);
  if (more.length > 0) throw new UsageError(`one run at a time; "${more[0]}" is one too many`);
  const { watch, json, out } = flags;
  return {
    run: run ?? (watch ? "latest" : undefined),
    watch,
    json,
    limit: Number(flags.limit),
    out,
  };
}

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const options = parseOptions(args);
    if (!options) return io.out(HELP), 0;
    const runs = new RunFolder(options.out);
    if (runs.ids().length === 0) {
      throw new UsageError(`there are no runs in ${options.out}; name the folder by --out`);
    }
    if (options.run === undefined) return await printRuns(runs, options, io), 0;
    const id = findRun(runs.ids(), options.run, options.out);
    return options.watch
      ? await watch(runs, id, options, io)
      : await printRun(runs, id, options, io);
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function printRuns(runs: RunFolder, { limit, json }: Options, io: Console) {
  const states: RunState[] = [];
  for (const id of runs.ids().slice(0, limit)) {
    const state = await runs.get(id);
    if (state) states.push(state);
  }
  if (json) io.out(JSON.stringify({ runs: states.map(summarize) }));
  else io.out(renderRuns(states, Date.now()));
  const more = runs.ids().length - states.length;
  if (more > 0 && !json) io.err(`${more} more; --limit shows them`);
}

async function printRun(
  runs: RunFolder,
  id: string,
  { json }: Options,
  io: Console,
): Promise<number> {
  const { state, index } = await read(runs, id);
  if (json) io.out(JSON.stringify(summarize(state)));
  else io.out(renderRun(state, index, Date.now(), io.terminal.color));
  return 0;
}

async function read(runs: RunFolder, id: string): Promise<{ state: RunState; index: RunIndex }> {
  const [index, state] = [await runs.index(id), await runs.get(id)];
  if (!state || !index) throw new Error(`run ${id} has no event log any more`);
  return { state, index };
}

const EXIT_CODES = { finished: 0, failed: 1, lost: 1, interrupted: 130, running: 0 } as const;

/** On a terminal the screen is drawn again, elsewhere what has changed is printed. */
async function watch(runs: RunFolder, id: string, options: Options, io: Console): Promise<number> {
  let before = "";
  for (;;) {
    const { state, index } = await read(runs, id);
    const { color, is_terminal } = io.terminal;
    const text = options.json
      ? JSON.stringify(summarize(state))
      : renderRun(state, index, Date.now(), color);
    if (text !== before) io.out(is_terminal && !options.json ? CLEAR_SCREEN + text : text);
    before = text;
    if (state.state !== "running") return EXIT_CODES[state.state];
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

/** @throws {UsageError} with names that are like it. */
function findRun(ids: readonly string[], name: string, out: string): string {
  const recipe = (id: string) => id.replace(/^[^-]*-/, "");
  const found = name === "latest"
    ? ids[0]
    : ids.find((id) => id === name) ?? ids.find((id) => recipe(id) === name);
  if (found !== undefined) return found;
  const near = ids.filter((id) => id.includes(name)).slice(0, 3);
  const known = near.length > 0 ? near : [...new Set(ids.map(recipe))];
  throw new UsageError(
    `there is no run or recipe "${name}" in ${out}; there is ${known.join(", ")}`,
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
