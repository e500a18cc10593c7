/**
 * Passes the events of a run to trackers.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertTracker, type TrackedRun, type Tracker, type TrackerWriter } from "../stage/mod.ts";
import type { RunEvent } from "./events.ts";
import { loadExport } from "../recipe/mod.ts";

/** A tracker, and where it writes. */
export interface ChosenTracker {
  readonly tracker: Tracker;
  readonly target?: string;
}

/** How long a tracker may take to write the end of a run, in milliseconds. */
const END_MS = 20_000;

/**
 * Loads the tracker that the command line names: a name of the list, with a target after a colon if it needs one, or the
 * specifier of a module. "tensorboard", "mlflow:http://127.0.0.1:5000", "./my_tracker.ts".
 *
 * @param list URL of a JSON file with the specifiers of trackers by name.
 * @throws {Error} with the known names.
 */
export async function loadTracker(text: string, list: string): Promise<ChosenTracker> {
  const names: Record<string, string> = JSON.parse(Deno.readTextFileSync(fileURLToPath(list)));
  const [, name, target] = /^([a-z][a-z0-9_]*)(?::(.+))?$/s.exec(text) ?? [];
  const known = name !== undefined && Object.hasOwn(names, name);
  const is_module = /^(\.{0,2}\/|file:|npm:|jsr:)/.test(text);
  if (!known && !is_module) {
    throw new Error(
      `there is no tracker "${text}"; the trackers are ${
        Object.keys(names).join(", ")
      }, or your own module (./my_tracker.ts)`,
    );
  }
  const origin = `the tracker "${text}"`;
  const tracker = known
    ? await loadExport(names[name], origin, list)
    : await loadExport(text, origin);
  assertTracker(tracker, origin);
  return { tracker, ...(known && target !== undefined && { target }) };
}

/** Passes the events of one run to one tracker. The first error of the tracker is reported, and stops it. */
export class TrackerFeed {
  /** The writer, once everything before has been passed to it; undefined before the run starts, and after an error. */
  #writer: Promise<TrackerWriter | undefined> = Promise.resolve(undefined);
  #failed = false;

  /**
   * @param out output folder.
   * @param warn called when the tracker fails.
   */
  constructor(
    private readonly chosen: ChosenTracker,
    private readonly out: string,
    private readonly warn: (message: string) => void,
  ) {}

  /** Passes on the next event. */
  onEvent = (event: RunEvent): void => {
    const next = async (writer: TrackerWriter | undefined) => {
      if (event.type === "run_started") return await this.#open(event);
      if (writer) await write(writer, event);
      return writer;
    };
    this.#writer = this.#writer.then(next).catch((error) => this.#fail(error));
  };

  /** Waits until everything is written, up to a time limit. */
  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) =>
      timer = setTimeout(() => resolve("late"), END_MS)
    );
    if (await Promise.race([this.#writer, late]) === "late") {
      this.#fail(new Error("it did not finish in time"));
    }
    clearTimeout(timer);
  }

  async #open(event: RunEvent & { type: "run_started" }): Promise<TrackerWriter> {
    const { tracker, target } = this.chosen;
    const folder = join(this.out, "runs", event.run, tracker.name);
    return await tracker.open(trackedRun(event), { folder, target });
  }

  #fail(error: Error): undefined {
    const { name } = this.chosen.tracker;
    if (!this.#failed) {
      this.warn(`the tracker ${name} stopped: ${error.message}; the run continues without it`);
    }
    this.#failed = true;
  }
}

/** @returns a promise only for the end of the run, which takes the tracker a while. */
function write(writer: TrackerWriter, event: RunEvent): void | Promise<void> {
  const { time } = event;
  switch (event.type) {
    case "report": {
      const { step: task, points } = event;
      return writer.points(
        points.map(([step, time, metrics]) => ({ task, step, time, metrics })),
      );
    }
    case "sample": {
      const { step: task, done: step, prompt: name, text } = event;
      return writer.text?.({ task, step, time, name, text });
    }
    case "log": {
      const { step: task, message: text } = event;
      return writer.text?.({ task, step: 0, time, name: "log", text });
    }
    case "run_finished":
    case "run_failed":
    case "run_interrupted":
      return writer.end(event.type.slice("run_".length) as "finished", time);
  }
}

function trackedRun(
  { run: id, recipe, description, time, plan }: RunEvent & { type: "run_started" },
): TrackedRun {
  const tasks = plan.map(({ id, stage, config, seed }) => ({ id, stage, config, seed }));
  return { id, recipe, description, started_at: time, tasks };
}
