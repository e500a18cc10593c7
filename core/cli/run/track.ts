/**
 * `deno task track`: gives a run that is over to an experiment tracker, as `--tracker` does while it goes on.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { loadTracker, LogReader, RunFolder, TrackerFeed } from "../../runs/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";

const HELP = `Writes a run from its event log for an experiment tracker.

Usage: deno task track RUN --tracker NAME [options]

  --tracker NAME  tensorboard, mlflow:URL, or a module of your own (./my_tracker.ts); may be repeated
  --out DIR       folder with the results (default: out)
  --help          print this

RUN is a run id, or "latest". Files go to runs/RUN/NAME in the folder of the results, and are those
that deno task pipeline --tracker NAME writes.`;

/** Trackers by name, a file of the same form as recipes/stages.json. */
const TRACKERS = new URL("../../../recipes/trackers.json", import.meta.url).href;

/**
 * Loads trackers that were named on the command line.
 *
 * @param warn told when one fails later on.
 */
export async function openTrackers(
  names: readonly string[],
  out: string,
  warn: (message: string) => void,
): Promise<TrackerFeed[]> {
  const chosen = await Promise.all(names.map((name) => loadTracker(name, TRACKERS)));
  return chosen.map((tracker) => new TrackerFeed(tracker, out, warn));
}

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const string = ["tracker", "out"] as const;
    const known = checkFlags([...string, "help"], "deno task track");
    const flags = parseArgs(args, {
      string: [...string, "_"],
      boolean: ["help"],
      collect: ["tracker"],
      alias: { help: "h" },
      default: { out: "out" },
      unknown: (arg, key) => key === undefined ? undefined : known(arg, key),
    });
    if (flags.help) return io.out(HELP), 0;
    const [name] = flags._.map(String);
    if (name === undefined || flags.tracker.length === 0) {
      throw new UsageError(
        "it takes a run and a tracker: deno task track latest --tracker tensorboard",
      );
    }
    const runs = new RunFolder(flags.out);
    const id = name === "latest" ? runs.ids()[0] : runs.ids().find((id) => id === name);
    if (id === undefined) {
      throw new UsageError(
        `there is no run "${name}" in ${flags.out}; deno task status lists them`,
      );
    }
    let failed = false;
    const trackers = await openTrackers(flags.tracker, flags.out, (message) => {
      failed = true;
      io.err(`Error: ${message}`);
    });
    for await (const event of LogReader.events(runs.logPath(id))) {
      for (const tracker of trackers) tracker.onEvent(event);
    }
    await Promise.all(trackers.map((tracker) => tracker.close()));
    return failed ? 1 : 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
