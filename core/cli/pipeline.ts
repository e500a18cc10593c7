/**
 * `deno task pipeline`: runs a recipe.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join, resolve } from "node:path";
import {
  Interrupted,
  loadRecipe,
  type Recipe,
  recipeUrl,
  run,
  RunFolder,
  type RunState,
  selectSteps,
  survey,
  workerExecutor,
} from "../runner/mod.ts";
import { DEFAULT_PORT, serveStatus, statusApp, type StatusServer } from "../status/mod.ts";
import { useDataRoot } from "./data_root.ts";
import { explain } from "./explain.ts";
import { formatBytes, formatDuration, formatTable } from "./format.ts";
import { checkFlags, type Console, parsePort, processConsole, UsageError } from "./console.ts";
import { Progress } from "./progress.ts";
import { onStopSignal } from "./signals.ts";

const HELP = `Runs a recipe: trains, midtrains, fine-tunes, analyses, and reports.

Usage: deno task pipeline [options]

  --recipe FILE   the recipe to run (default: recipes/quickstart.ts)
  --out DIR       folder for results, made when absent (default: out)
  --device NAME   compute on cpu, webgpu (any GPU) or cuda, whatever the recipe says
  --data-root DIR take named datasets from the folders of this one instead of the hub
  --only STAGE    run only this step id or stage name, and what it needs
  --dry-run       print what would run and why, and write nothing
  --port N        port of the status endpoint on 127.0.0.1 (default: ${DEFAULT_PORT}, or a free one)
  --quiet         no progress, only the results
  --help          print this

Running again skips what is done. Ctrl-C stops cleanly; the next run goes on from there.`;

interface Options {
  recipe: string;
  out: string;
  /** Overrides the recipe's. */
  device?: string;
  only?: string;
  data_root?: string;
  dry_run: boolean;
  /** Undefined: the default port, or any free one. */
  port?: number;
  quiet: boolean;
  help: boolean;
}

/**
 * Reads the flags.
 *
 * @throws {UsageError} naming the flag that is unknown or wrong.
 */
export function parseOptions(args: readonly string[]): Options {
  const string = ["recipe", "out", "device", "only", "port", "data-root"] as const;
  const boolean = ["dry-run", "quiet", "help"] as const;
  const flags = parseArgs(args, {
    string,
    boolean,
    alias: { help: "h" },
    default: { recipe: "recipes/quickstart.ts", out: "out" },
    unknown: checkFlags([...string, ...boolean], "deno task pipeline"),
  });
  for (const name of string) {
    if (flags[name] === "") throw new UsageError(`--${name} needs a value`);
  }
  const port = flags.port === undefined ? undefined : parsePort(flags.port);
  const { recipe, out, device, only, quiet, help } = flags;
  const rest = { dry_run: flags["dry-run"], data_root: flags["data-root"] };
  return { recipe, out, device, only, port, quiet, help, ...rest };
}

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage, 130 when interrupted. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  let doing: string | undefined;
  try {
    const options = parseOptions(args);
    if (options.help) return io.out(HELP), 0;
    useDataRoot(options.data_root);
    const url = recipeUrl(resolve(options.recipe));
    const recipe = await loadRecipe(url, options.device);
    const only = options.only === undefined ? undefined : selectSteps(recipe, options.only);
    doing = options.dry_run
      ? `results in ${options.out} cannot be read`
      : `results cannot be written to ${options.out}`;
    if (options.dry_run) return await printPlan(recipe, options, only, io), 0;
    return await runPipeline(recipe, url, options, only, io), 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      const { forced = "Run the same command again to go on from here" } = error;
      io.err(`Stopped. ${forced[0].toUpperCase()}${forced.slice(1)}.`);
      return 130;
    }
    io.err(`Error: ${explain(error, doing)}`);
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
  url: string,
  options: Options,
  only: ReadonlySet<string> | undefined,
  io: Console,
) {
  const { out, quiet } = options;
  const server = startServer(options);
  const stop = onStopSignal(() => quiet || io.err("\nStopping at the next checkpoint …"));
  const progress = quiet ? undefined : new Progress(io.terminal);
  if (!quiet) io.err(`${recipe.name}: ${recipe.description}\nStatus: ${server.url}/status`);
  try {
    const state = await run(recipe, {
      out,
      only,
      signal: stop.signal,
      executor: workerExecutor(url, { device: options.device }),
      onEvent: progress?.onEvent,
    });
    progress?.close();
    printResults(state, options, io);
  } finally {
    progress?.close();
    stop.dispose();
    await server.close();
  }
}

/** A port that was asked for must be had; the default one gives way to any that is free. */
function startServer({ out, port }: Options): StatusServer {
  const app = statusApp(new RunFolder(out));
  if (port !== undefined) return serveStatus(app, port);
  try {
    return serveStatus(app, DEFAULT_PORT);
  } catch {
    return serveStatus(app, 0);
  }
}

function printResults(state: RunState, { out, quiet }: Options, io: Console): void {
  if (!quiet) {
    const rows = state.steps.map((step) => {
      const ran = step.state === "finished";
      const bytes = Object.values(step.outputs ?? {}).reduce((sum, { bytes }) => sum + bytes, 0);
      const time = ran ? formatDuration(step.ended_at! - step.started_at!) : "skipped";
      return [step.id, step.stage, time, ran ? formatBytes(bytes) : ""];
    });
    const total = formatDuration(state.ended_at! - state.started_at);
    rows.push(["total", "", total, ""]);
    io.out("\n" + formatTable(["step", "stage", "time", "written"], rows, ["time", "written"]));
  }
  const summary = state.published.find((path) => path.endsWith("/summary.txt"));
  if (summary) io.out("\n" + Deno.readTextFileSync(join(out, summary)).trimEnd());
  if (quiet || state.published.length === 0) return;
  io.out("\nResults:\n" + state.published.map((path) => `  ${join(out, path)}`).join("\n"));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
