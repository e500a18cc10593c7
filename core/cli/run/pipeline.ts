/**
 * `deno task pipeline`: runs a recipe.
 *
 * @module
 */
import { join } from "node:path";
import {
  forecastRecipe,
  Interrupted,
  namedSteps,
  ownFrame,
  readiness,
  RequirementsError,
  run,
  RunControl,
  selectSteps,
  StepFailed,
  storeOf,
  verifiedFiles,
  verify,
  workerExecutor,
} from "../../runner/mod.ts";
import { readStageNames } from "../../recipe/mod.ts";
import type { RunState } from "../../runs/mod.ts";
import { controlOf, serveStatus, type StatusServer } from "../../status/mod.ts";
import { openStorage, Remote } from "../../remote/storage/mod.ts";
import { openTrackers, TRACKER_FLAG } from "../runs/track.ts";
import { accessOf, SERVER_FLAGS } from "../runs/serve.ts";
import {
  type Console,
  explain,
  formatTable,
  pathLink,
  processConsole,
  stdoutColor,
  UsageError,
} from "../shared/console.ts";
import { defineCommand, type Flags, type Input, mainOf, type Values } from "../shared/command.ts";
import {
  loadNamedRecipe,
  type NamedRecipe,
  RECIPE_ARGUMENT,
  RECIPE_FLAGS,
} from "../shared/inputs.ts";
import { counted } from "../../words/mod.ts";
import { type GroupRun, joinRun, LAUNCH_FLAGS, launchOf } from "./processes.ts";
import { finalTable, Progress, summarize, verifiedLine } from "./progress.ts";
import { onStopSignal, parseDeadline, StopRequest, type StopSignal } from "./stop.ts";

const FLAGS = {
  ...RECIPE_FLAGS,
  jobs: {
    value: "N",
    default: "1",
    help: "run up to N independent steps at once, as cores and memory allow; auto: one per core; " +
      "the results are the same",
    expects: 'a number >= 1 or "auto"',
    parse: parseJobs,
  },
  memory: {
    value: "SIZE",
    help: "memory that steps at once may take together (default: most of what is free)",
    example: "12GB",
    parse: parseBytes,
  },
  deadline: {
    value: "TIME",
    help: "stop in time: after 2h30m, say, or at 2026-01-31T18:00",
    example: "2h30m or 2026-01-31T18:00",
    parse: (text: string) => parseDeadline(text),
  },
  only: { value: "STAGE", help: "run only this step id or stage name, and what it needs" },
  rerun: {
    value: "STEP",
    many: true,
    help: "run this step id or stage again although it has a result, such as after a change of " +
      "its code; steps that read it run if its results differ",
  },
  force: { help: "run every step again" },
  dry_run: { help: "print what would run and why, and what is missing for it; write nothing" },
  verify: {
    help: "read all results that the run relies on in full, also those whose files are unchanged " +
      "since they were last verified",
  },
  ...LAUNCH_FLAGS,
  remote: {
    value: "URL",
    help: "share results with other machines, with deno task pipeline:remote: a bucket " +
      "(s3://bucket/prefix) or a folder that all of them can reach",
  },
  ...SERVER_FLAGS,
  ...TRACKER_FLAG,
  shard_optimizer: {
    help: "with several processes (mpirun -n N deno task pipeline) each keeps a part of the " +
      "optimizer's state",
  },
  quiet: { help: "no progress, only the results" },
  json: { help: "print events as JSON, one object a line, a summary last" },
} as const satisfies Flags;

export const command = defineCommand({
  name: "pipeline",
  summary: "Runs a recipe: trains, midtrains, fine-tunes, analyses and reports",
  args: [RECIPE_ARGUMENT],
  flags: FLAGS,
  examples: [
    "deno task pipeline recipes/quickstart.ts",
    "deno task pipeline --set sft.epochs=2 --jobs auto",
  ],
  notes:
    "Running again skips finished steps. Ctrl-C stops cleanly; the next run continues from there.\n" +
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C or a request, 143 by SIGTERM, " +
    "75 by the deadline, SIGUSR2 or SIGUSR1: nothing is wrong, run it again to continue.",
});

type Options = Values<typeof FLAGS>;

const STOPPING =
  "Stopping at the next checkpoint; Ctrl-C again stops at once, and loses what came after the last one";

/** What a run holds until it has printed everything. */
interface Held {
  /** The other processes of the run, once they have joined. */
  group?: GroupRun;
  stop?: StopSignal;
}

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage, that of what stopped it. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  const held: Held = {};
  try {
    return await mainOf(command, (input, io) => runOrStop(input, io, held))(args, io);
  } finally {
    // After everything was printed: where the other processes hang, this ends them, and this one too.
    await held.group?.end();
    held.stop?.dispose();
  }
}

async function runOrStop(input: Input<typeof FLAGS>, io: Console, held: Held): Promise<number> {
  const { flags } = input;
  try {
    const named = await loadNamedRecipe(flags, input.args);
    const { renamed } = await readStageNames(named.load.stages);
    const only = flags.only ? selectSteps(named.recipe, flags.only, renamed) : undefined;
    const again = stepsAgain(named, flags, renamed);
    input.doing = flags.dry_run
      ? `results in ${flags.out} cannot be read`
      : `results cannot be written to ${flags.out}`;
    if (flags.dry_run) await printPlan(named, flags, { only, again }, io);
    else await runPipeline(named, flags, { only, again }, io, held);
    return 0;
  } catch (error) {
    if (error instanceof StepFailed) return failed(error, input, io);
    if (!(error instanceof Interrupted)) throw error;
    const { forced = "Run the same command again to continue from here", cause } = error;
    const request = cause instanceof StopRequest ? cause : new StopRequest("SIGINT");
    io.err(`${request.message}. ${forced[0].toUpperCase()}${forced.slice(1)}.`);
    return request.exit_code;
  }
}

/** Prints the error of a step, and where in the stage's own code it was thrown. */
function failed(error: StepFailed, { flags: { out }, doing }: Input<typeof FLAGS>, io: Console) {
  io.err(`Error: ${explain(error, doing)}`);
  const frame = ownFrame(error.cause);
  if (frame) {
    io.err(`  at ${frame}\n  The whole stack is in events.jsonl of the run: ${join(out, "runs")}`);
  }
  return 1;
}

/** Steps to run. */
interface Chosen {
  readonly only?: ReadonlySet<string>;
  /** Also those that have a result. */
  readonly again?: ReadonlySet<string>;
}

/** @throws {UsageError} for a launcher, whose jobs look for results themselves. */
function stepsAgain(
  { recipe }: NamedRecipe,
  { rerun, force, launcher }: Options,
  renamed: Readonly<Record<string, string>>,
): ReadonlySet<string> | undefined {
  if (!force && rerun.length === 0) return undefined;
  if (launcher !== undefined) {
    throw new UsageError("--rerun and --force are for runs without --launcher; remove one");
  }
  if (force) return new Set(recipe.steps.map(({ id }) => id));
  return new Set(rerun.flatMap((name) => namedSteps(recipe, name, renamed)));
}

async function printPlan(
  { recipe, url }: NamedRecipe,
  { out, verify: full, launcher, memory }: Options,
  chosen: Chosen,
  io: Console,
) {
  const files = verifiedFiles(out, { full });
  const planned = await verify(recipe, out, { ...chosen, files });
  const { steps, verification } = planned;
  if (verification.results > 0) io.err(verifiedLine(verification));
  const rows = steps.map(({ id, stage, action, reasons }) => {
    return [id, stage, action, reasons.join(", ")];
  });
  const running = steps.filter(({ action }) => action === "run").length;
  io.out(formatTable(["step", "stage", "action", "why"], rows));
  io.out(`${running} of ${counted(steps.length, "step")} would run.`);
  if (full && files.has_damaged) {
    io.err(
      "A dry run remembers nothing: run with --verify, too, to make the damaged results again.",
    );
  }
  const forecasts = await forecastRecipe(recipe, out, planned);
  const place = { out, memory, recipe_url: url, elsewhere: launcher !== undefined };
  const { unmet, unknown_line } = await readiness(recipe, forecasts, place);
  if (unknown_line !== undefined) io.err(unknown_line);
  if (unmet.length > 0) throw new RequirementsError(recipe.name, unmet);
}

async function runPipeline(
  { recipe, url, load }: NamedRecipe,
  flags: Options,
  chosen: Chosen,
  io: Console,
  held: Held,
) {
  const { out, quiet, json, deadline, jobs, memory, host, port } = flags;
  const group = held.group = await joinRun(recipe, flags, (message) => io.err(message));
  if (!group) return;
  const access = accessOf(flags);
  const launched = await launchOf(flags, { url, load });
  const control = new RunControl();
  const progress = quiet ? undefined : new Progress(io.terminal);
  const stop = held.stop = onStopSignal({
    first: () => progress?.stopping(launched?.onStop ?? STOPPING),
    second: () => {
      control.noteStop?.("stopped at once by a second Ctrl-C");
      progress?.close();
    },
  }, deadline);
  const warn = (message: string) => io.err(`Warning: ${message}`);
  const say = (message: string) => quiet || io.err(message);
  const remote = flags.remote === undefined
    ? undefined
    : new Remote(storeOf(out), openStorage(flags.remote, say), warn, say);
  const trackers = await openTrackers(flags.tracker, out, warn);
  let server: StatusServer | undefined, last: RunState | undefined;
  try {
    const on_run = launched?.control ?? controlOf(control, stop.request);
    server = await serveStatus({ out, host, port, access, control: on_run, onFailure: warn });
    if (!quiet) io.err(`${recipe.name}: ${recipe.description}\nDashboard: ${server.url}/`);
    const state = await run(recipe, {
      out,
      recipe_url: url,
      onUnknown: say,
      ...chosen,
      jobs,
      memory,
      verify: flags.verify,
      launch: launched?.launch,
      shared: remote,
      control,
      signal: stop.signal,
      executor: group.executor(workerExecutor(url, { load })),
      onEvent(event, state) {
        progress?.onEvent(event, state);
        for (const tracker of trackers) tracker.onEvent(event);
        if (json) io.out(JSON.stringify(event));
        last = state;
      },
    });
    progress?.close();
    if (!json) printResults(state, flags, io);
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
  const [pages, files] = [true, false].map((is_page) =>
    state.published.filter((path) => path.endsWith("/report.html") === is_page)
  );
  if (files.length > 0) {
    io.out("\nResults:\n" + files.map((path) => `  ${join(out, path)}`).join("\n"));
  }
  for (const page of pages) io.out(`\nReport: ${pathLink(join(out, page), stdoutColor())}`);
}

function parseJobs(text: string): number | undefined {
  if (text === "auto") return navigator.hardwareConcurrency;
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined;
}

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Bytes of "12GB" or "500MiB". */
function parseBytes(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMG]B|[KMG]iB)$/.exec(text) ?? [];
  return number ? Number(number) * UNITS[unit as keyof typeof UNITS] : undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
