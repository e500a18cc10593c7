/**
 * Feeding trackers with the events of a run.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertTracker, type TrackedRun, type Tracker, type TrackerWriter } from "../stage/mod.ts";
import type { RunEvent } from "./events.ts";
import { loadExport } from "../recipe/mod.ts";

/** A tracker, and where it is to write. */
export interface ChosenTracker {
  readonly tracker: Tracker;
  readonly target?: string;
}

/** How long a tracker may take to write the end of a run. */
const END_MS = 20_000;

/**
 * Loads the tracker that a word on the command line means: a name of the list, or the specifier of a module, and after
 * a colon where it writes: "tensorboard", "mlflow:http://127.0.0.1:5000", "./my_tracker.ts".
 *
 * @param list URL of a JSON file with the specifiers of trackers by name.
 * @throws {Error} with the names that there are.
 */
export async function loadTracker(text: string, list: string): Promise<ChosenTracker> {
  const names: Record<string, string> = JSON.parse(Deno.readTextFileSync(fileURLToPath(list)));
  const [, name, target] = /^([a-z][a-z0-9_]*)(?::(.+))?$/s.exec(text) ?? [];
  const known = name !== undefined && Object.hasOwn(names, name);
  const is_module = /^(\.{0,2}\/|file:|npm:|jsr:)/.test(text);
  if (!known && !is_module) {
    throw new Error(
      `there is no tracker "${text}"; there are ${
        Object.keys(names).join(", ")
      }, and modules of your own (./my_tracker.ts)`,
    );
  }
  const origin = `the tracker "${text}"`;
  const tracker = known
    ? await loadExport(names[name], origin, list)
    : await loadExport(text, origin);
  assertTracker(tracker, origin);
  return { tracker, ...(known && target !== undefined && { target }) };
}

/** Gives the events of one run to one tracker. An error of the tracker is told once, and ends its part. */
export class TrackerFeed {
  #writer: TrackerWriter | undefined;
  #opening: Promise<void> | undefined;
  #failed = false;
  /** Events that came while the tracker was opening. */
  #waiting: RunEvent[] = [];

  /**
   * @param out output folder.
   * @param warn told when the tracker fails.
   */
  constructor(
    private readonly chosen: ChosenTracker,
    private readonly out: string,
    private readonly warn: (message: string) => void,
  ) {}

  /** Takes the next event. */
  onEvent = (event: RunEvent): void => {
    if (event.type === "run_started") this.#opening = this.#open(event);
    else if (this.#writer) this.#guard(() => this.#take(event));
    else if (!this.#failed) this.#waiting.push(event);
  };

  /** Waits until everything is written, a while at most. */
  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) =>
      timer = setTimeout(() => resolve("late"), END_MS)
    );
    const all = (async () => {
      await this.#opening;
      await this.#ending;
    })();
    if (await Promise.race([all, late]) === "late") this.#fail(new Error("it did not end in time"));
    clearTimeout(timer);
  }

  #ending: Promise<void> | undefined;

  async #open(event: RunEvent & { type: "run_started" }): Promise<void> {
    const { tracker, target } = this.chosen;
    const folder = join(this.out, "runs", event.run, tracker.name);
    try {
      const writer = await tracker.open(trackedRun(event), { folder, target });
      for (const waiting of this.#waiting.splice(0)) this.#take(waiting, writer);
      this.#writer = writer;
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(event: RunEvent, writer = this.#writer!): void {
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
      case "log":
        return writer.text?.({
          task: event.step,
          step: 0,
          time,
          name: "log",
          text: event.message,
        });
      case "run_finished":
      case "run_failed":
      case "run_interrupted": {
        const state = event.type.slice("run_".length) as "finished";
        this.#ending = Promise.resolve(writer.end(state, time)).catch((error) => this.#fail(error));
      }
    }
  }

  #guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#writer = undefined;
    this.#waiting = [];
    const { name } = this.chosen.tracker;
    this.warn(
      `the tracker ${name} stopped: ${(error as Error).message}; the run goes on without it`,
    );
  }
}

function trackedRun(
  { run: id, recipe, description, time, plan }: RunEvent & { type: "run_started" },
): TrackedRun {
  const tasks = plan.map(({ id, stage, config, seed }) => ({ id, stage, config, seed }));
  return { id, recipe, description, started_at: time, tasks };
}
