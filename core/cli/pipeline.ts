/**
 * `deno task pipeline`: runs a recipe.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "node:path";
import {
  Interrupted,
  type LoadOptions,
  loadRecipe,
  type Recipe,
  run,
  RunControl,
  type RunState,
  selectSteps,
  storeOf,
  survey,
  workerExecutor,
} from "../runner/mod.ts";
import { controlOf, serveStatus, type StatusServer } from "../status/mod.ts";
import { openStorage, Remote } from "../storage/mod.ts";
import { useDataRoot } from "./data_root.ts";
import { finalTable, summarize } from "./final_table.ts";
import { formatTable } from "./format.ts";
import { checkFlags, type Console, processConsole, UsageError } from "./console.ts";
import { Progress } from "./progress.ts";
import { explainAll, RECIPE_FLAGS, recipeOf } from "./recipe_flags.ts";
import { type Deadline, parseDeadline } from "./deadline.ts";
import { accessOf, SERVER_FLAGS, SERVER_HELP, type ServerFlags, serverOf } from "./server_flags.ts";
import { type GroupRun, joinRun } from "./group_run.ts";
import { LAUNCH_FLAGS, LAUNCH_HELP, type LaunchFlags, launchOf } from "./launch_flags.ts";
import { onStopSignal, StopRequest, type StopSignal } from "./signals.ts";
import { openTrackers } from "./track.ts";

const HELP = `Runs a recipe: trains, midtrains, fine-tunes, analyses, and reports.

Usage: deno task pipeline [options]

  --recipe FILE   the recipe to run, TypeScript or JSON (default: recipes/quickstart.ts)
  --out DIR       folder for results, made when absent (default: out)
  --device NAME   compute on cpu, webgpu (any GPU) or cuda, whatever the recipe says
  --set PATH=VAL  change a field of the recipe: sft.epochs=2 for step "sft", stage:sft.epochs=2 for
                  all steps of a stage, seed=7; may be repeated
  --data-root DIR take named datasets from the folders of this one instead of the hub
  --jobs N        run up to N steps at once that do not read each other, where there are cores and
                  memory for them (default: 1; auto: one per core); the results are the same
  --memory SIZE   memory that they may take together, such as 12GB (default: most of what is free)
  --deadline TIME stop in time: after 2h30m, say, or at 2026-01-31T18:00
  --only STAGE    run only this step id or stage name, and what it needs
  --dry-run       print what would run and why, and write nothing
${LAUNCH_HELP}
  --remote URL    share results with other machines, with deno task pipeline:remote: a bucket
                  (s3://bucket/prefix) or a folder that all of them reach
${SERVER_HELP}
  --tracker NAME  write the run for an experiment tracker as it goes on: tensorboard, mlflow:URL, or
                  a module of your own; may be repeated
  --shard-optimizer
                  of several processes (mpirun -n N deno task pipeline) each keeps a part of the
                  optimizer's state
  --quiet         no progress, only the results
  --json          events for programs on standard output, one JSON object a line, a summary last
  --help          print this

Running again skips what is done. Ctrl-C stops cleanly; the next run goes on from there.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C or a request, 143 by SIGTERM,
75 by the deadline, SIGUSR2 or SIGUSR1: nothing is wrong, run it again to go on.`;

interface Options {
  /** URL of the recipe. */
  url: string;
  /** How it is to be loaded. */
  load: LoadOptions;
  out: string;
  only?: string;
  data_root?: string;
  remote?: string;
  deadline?: Deadline;
  jobs: number;
  /** Bytes; undefined: most of what is free. */
  memory?: number;
  dry_run: boolean;
  launch: LaunchFlags;
  server: ServerFlags;
  trackers: readonly string[];
  shard_optimizer: boolean;
  quiet: boolean;
  json: boolean;
  help: boolean;
}

/**
 * Reads the flags.
 *
 * @throws {UsageError} naming the flag that is unknown or wrong.
 */
export function parseOptions(args: readonly string[]): Options {
  const own = ["only", "deadline", "jobs", "memory", "remote"] as const;
  const string = [...RECIPE_FLAGS, ...SERVER_FLAGS, ...LAUNCH_FLAGS, ...own] as const;
  const many = ["set", "allow-host", "tracker", "launcher-arg"] as const;
  const boolean = ["dry-run", "shard-optimizer", "quiet", "json", "help"] as const;
  const flags = parseArgs(args, {
    string: [...string, "tracker"],
    boolean,
    collect: many,
    alias: { help: "h" },
    default: { recipe: "recipes/quickstart.ts", out: "out" },
    unknown: checkFlags([...string, "tracker", ...boolean], "deno task pipeline"),
  });
  for (const name of string) {
    if ([flags[name]].flat().includes("")) throw new UsageError(`--${name} needs a value`);
  }
  const server = serverOf(flags);
  const { out, only, quiet, json, help } = flags;
  const deadline = flags.deadline === undefined ? undefined : parseDeadline(flags.deadline);
  const jobs = parseJobs(flags.jobs ?? "1");
  const memory = flags.memory === undefined ? undefined : parseBytes(flags.memory);
  const [dry_run, shard_optimizer] = [flags["dry-run"], flags["shard-optimizer"]];
  const rest = { dry_run, shard_optimizer, data_root: flags["data-root"], deadline, jobs, memory };
  return {
    ...recipeOf(flags),
    remote: flags.remote,
    launch: { launcher: flags.launcher, launcher_args: flags["launcher-arg"] },
    out,
    only,
    server,
    trackers: flags.tracker,
    quiet,
    json,
    help,
    ...rest,
  };
}

function parseJobs(text: string): number {
  if (text === "auto") return navigator.hardwareConcurrency;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`--jobs ${text} is no number of steps; take 1 or more, or auto`);
}

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function parseBytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMG]B|[KMG]iB)$/.exec(text) ?? [];
  if (number) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new UsageError(`--memory ${text} is no size; take one such as 12GB or 500MiB`);
}

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage, that of what stopped it. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  const held: Held = {};
  try {
    return await runCommand(args, io, held);
  } finally {
    // After all was said: where the others hang, this ends them, and this process too.
    await held.group?.end();
    held.stop?.dispose();
  }
}

/** What a run holds until it has said everything. */
interface Held {
  /** The other processes of the run, once they are there. */
  group?: GroupRun;
  stop?: StopSignal;
}

async function runCommand(args: readonly string[], io: Console, held: Held) {
  let doing: string | undefined;
  try {
    const options = parseOptions(args);
    if (options.help) return io.out(HELP), 0;
    useDataRoot(options.data_root);
    const recipe = await loadRecipe(options.url, options.load);
    const only = options.only === undefined ? undefined : selectSteps(recipe, options.only);
    doing = options.dry_run
      ? `results in ${options.out} cannot be read`
      : `results cannot be written to ${options.out}`;
    if (options.dry_run) return await printPlan(recipe, options, only, io), 0;
    return await runPipeline(recipe, options, only, io, held), 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      const { forced = "Run the same command again to go on from here", cause } = error;
      const request = cause instanceof StopRequest ? cause : new StopRequest("SIGINT");
      io.err(`${request.message}. ${forced[0].toUpperCase()}${forced.slice(1)}.`);
      return request.exit_code;
    }
    io.err(`Error: ${explainAll(error, doing)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function printPlan(
  recipe: Recipe,
  options: Options,
  only: ReadonlySet<string> | undefined,
  io: Console,
) {
  const { steps } = await survey(recipe, options.out, { only, set_aside: false });
  const rows = steps.map((
    { id, stage, action, reasons },
  ) => [id, stage, action, reasons.join(", ")]);
  const running = steps.filter(({ action }) => action === "run").length;
  io.out(formatTable(["step", "stage", "action", "why"], rows));
  io.out(`${running} of ${steps.length} steps would run.`);
}

async function runPipeline(
  recipe: Recipe,
  options: Options,
  only: ReadonlySet<string> | undefined,
  io: Console,
  held: Held,
) {
  const { out, quiet, json, deadline, jobs, memory, server: { host, port } } = options;
  const group = held.group = await joinRun(recipe, options, (message) => io.err(message));
  if (!group) return;
  const access = accessOf(options.server);
  const launched = await launchOf(options.launch, options);
  const how = launched?.onStop ?? "Stopping at the next checkpoint …";
  const onStop = () => quiet || io.err(`\n${how}`);
  const stop = held.stop = onStopSignal(onStop, deadline);
  const control = new RunControl();
  const warn = (message: string) => io.err(`Warning: ${message}`);
  const say = (message: string) => quiet || io.err(message);
  const remote = options.remote === undefined
    ? undefined
    : new Remote(storeOf(out), openStorage(options.remote, say), warn, say);
  const trackers = await openTrackers(options.trackers, out, warn);
  const progress = quiet ? undefined : new Progress(io.terminal);
  let server: StatusServer | undefined, last: RunState | undefined;
  try {
    const on_run = launched?.control ?? controlOf(control, stop.request);
    server = await serveStatus({ out, host, port, access, control: on_run, onFailure: warn });
    if (!quiet) io.err(`${recipe.name}: ${recipe.description}\nStatus: ${server.url}/status`);
    const state = await run(recipe, {
      out,
      only,
      jobs,
      memory,
      launch: launched?.launch,
      shared: remote,
      control,
      signal: stop.signal,
      executor: group.executor(workerExecutor(options.url, { load: options.load })),
      onEvent(event, state) {
        progress?.onEvent(event, state);
        for (const tracker of trackers) tracker.onEvent(event);
        if (json) io.out(JSON.stringify(event));
        last = state;
      },
    });
    progress?.close();
    if (!json) printResults(state, options, io);
  } finally {
    progress?.close();
    await Promise.all(trackers.map((tracker) => tracker.close()));
    if (json && last) io.out(JSON.stringify(summarize(last)));
    await server?.close();
  }
}

function printResults(state: RunState, { out, quiet }: Options, io: Console): void {
  if (!quiet) io.out("\n" + finalTable(state));
  const summary = state.published.find((path) => path.endsWith("/summary.txt"));
  if (summary) io.out("\n" + Deno.readTextFileSync(join(out, summary)).trimEnd());
  if (quiet || state.published.length === 0) return;
  io.out("\nResults:\n" + state.published.map((path) => `  ${join(out, path)}`).join("\n"));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
