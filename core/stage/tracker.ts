/**
 * The tracker contract: a tracker follows a run and writes it in the format of an experiment tracker.
 *
 * @module
 */

/** Version of this contract. */
export const TRACKER_INTERFACE = 1;

/** A run as trackers see it. */
export interface TrackedRun {
  readonly id: string;
  readonly recipe: string;
  readonly description: string;
  /** Unix milliseconds. */
  readonly started_at: number;
  readonly tasks: readonly TrackedTask[];
}

/** A step of the recipe; "step" is kept for optimizer steps. */
export interface TrackedTask {
  readonly id: string;
  readonly stage: string;
  /** Defaults filled in; undefined in old logs. */
  readonly config?: unknown;
  readonly seed?: number;
}

/** One report of a task. */
export interface TrackedPoint {
  readonly task: string;
  /** Optimizer steps, or other progress of the task. */
  readonly step: number;
  /** Unix milliseconds. */
  readonly time: number;
  /** null: not a finite number. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** A line of the log, or a sample of generated text. */
export interface TrackedText {
  readonly task: string;
  /** What it is: "log", or the prompt of a sample. */
  readonly name: string;
  readonly step: number;
  readonly time: number;
  readonly text: string;
}

/** How a run ended. */
export type TrackedEnd = "finished" | "failed" | "interrupted";

/** Writes one run. Calls come in the order of events and do not wait for each other, so a slow writer needs a queue. */
export interface TrackerWriter {
  points(points: readonly TrackedPoint[]): void;
  text?(text: TrackedText): void;
  /** The run is over; this is the last call. The command waits for it, up to a time limit. */
  end(state: TrackedEnd, time: number): void | Promise<void>;
}

/** A tracker, built in or a plugin. It runs in the process of the runner, with its permissions. */
export interface Tracker {
  readonly interface: typeof TRACKER_INTERFACE;
  /** snake_case. */
  readonly name: string;
  readonly description: string;
  /**
   * Starts writing a run.
   *
   * @param at.folder the folder of the tracker for this run, not created yet: `<out>/runs/<id>/<name>`.
   * @param at.target what followed the name and a colon on the command line, such as the URL of a server.
   * @throws {Error} when it cannot; the run continues without it.
   */
  open(
    run: TrackedRun,
    at: { readonly folder: string; readonly target?: string },
  ): TrackerWriter | Promise<TrackerWriter>;
}

/**
 * Declares a tracker.
 *
 * @throws {TypeError} when its name is not snake_case.
 *
 * @example A tracker that counts
 * ```ts
 * import { defineTracker } from "./mod.ts";
 *
 * export const counting = defineTracker({
 *   name: "counting",
 *   description: "Counts points.",
 *   open() {
 *     let count = 0;
 *     return {
 *       points: (points) => void (count += points.length),
 *       end: (state) => console.error(`${state} after ${count} points`),
 *     };
 *   },
 * });
 * ```
 */
export function defineTracker(tracker: Omit<Tracker, "interface">): Tracker {
  const complete = { interface: TRACKER_INTERFACE, ...tracker } as Tracker;
  assertTracker(complete, `tracker "${tracker.name}"`);
  return complete;
}

/** Checks that a value, such as the export of a plugin, is a tracker. */
export function assertTracker(value: unknown, origin: string): asserts value is Tracker {
  const given = value as Partial<Tracker> | null | undefined;
  const is_valid = typeof given === "object" && given !== null &&
    given.interface === TRACKER_INTERFACE && typeof given.open === "function" &&
    /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(given.name ?? "");
  if (is_valid) return;
  throw new TypeError(
    `${origin} is not a valid tracker: export what defineTracker returns, with a snake_case name and open()`,
  );
}
