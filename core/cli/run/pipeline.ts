/**
 * `deno task pipeline`: runs a recipe.
 *
 * @module
 */
import { join } from "node:path";
import {
  Interrupted,
  run,
  RunControl,
  selectSteps,
  storeOf,
  verify,
  workerExecutor,
} from "../../runner/mod.ts";
import { loadRecipe, type Recipe } from "../../recipe/mod.ts";
import { type RunState } from "../../runs/mod.ts";
import { controlOf, serveStatus, type StatusServer } from "../../status/mod.ts";
import { openStorage, Remote } from "../../remote/storage/mod.ts";
import { useDataRoot } from "../shared/data_root.ts";
import { finalTable, summarize } from "./final_table.ts";
import { formatTable } from "../shared/format.ts";
import { type Console, processConsole, UsageError } from "../shared/console.ts";
import { Progress } from "./progress.ts";
import { HELP, type Options, parseOptions } from "./pipeline_options.ts";
import { explainAll } from "../shared/recipe_flags.ts";
import { accessOf } from "./server_flags.ts";
import { type GroupRun, joinRun } from "./group_run.ts";
import { launchOf } from "./launch_flags.ts";
import { onStopSignal, StopRequest, type StopSignal } from "./signals.ts";
import { openTrackers } from "./track.ts";

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
  const { steps } = await verify(recipe, options.out, { only });
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
