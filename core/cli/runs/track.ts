/**
 * `deno task track`: writes a run for an experiment tracker, as `pipeline --tracker` does while it runs.
 *
 * @module
 */
import { loadTracker, LogReader, TrackerFeed } from "../../runs/mod.ts";
import { findRun, OUT_FLAG, RUN_HELP } from "../shared/inputs.ts";
import { defineCommand, type Flags, mainOf } from "../shared/command.ts";

export const TRACKER_FLAG = {
  tracker: {
    value: "NAME",
    many: true,
    help: "experiment tracker to write the run for: tensorboard, mlflow:URL, or your own module " +
      "(./my_tracker.ts)",
  },
} as const satisfies Flags;

export const command = defineCommand({
  name: "track",
  summary: "Writes a finished run for an experiment tracker",
  args: [{ name: "RUN", help: RUN_HELP }],
  flags: { tracker: { ...TRACKER_FLAG.tracker, required: true }, ...OUT_FLAG },
  examples: ["deno task track latest --tracker tensorboard"],
  notes:
    "Files go to runs/RUN/NAME in the folder with the results, and are the same that deno task " +
    "pipeline --tracker NAME writes.",
});

/** Trackers by name, a file of the same form as recipes/stages.json. */
const TRACKERS = new URL("../../../recipes/trackers.json", import.meta.url).href;

/**
 * Loads trackers that were named on the command line.
 *
 * @param warn called when one fails later.
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
export const main = mainOf(
  command,
  async ({ flags: { tracker: names, out }, args: [name] }, io) => {
    const { id, runs } = await findRun(name, out);
    let failed = false;
    const trackers = await openTrackers(names, out, (message) => {
      failed = true;
      io.err(`Error: ${message}`);
    });
    for await (const event of LogReader.events(runs.logPath(id))) {
      for (const tracker of trackers) tracker.onEvent(event);
    }
    await Promise.all(trackers.map((tracker) => tracker.close()));
    return failed ? 1 : 0;
  },
);

if (import.meta.main) Deno.exit(await main(Deno.args));
