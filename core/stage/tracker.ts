/**
 * The tracker contract: something that follows runs and writes them in the form of an experiment tracker.
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
  readonly steps: readonly TrackedStep[];
}

export interface TrackedStep {
  readonly id: string;
  readonly stage: string;
  /** Defaults filled in; undefined in logs of old. */
  readonly config?: unknown;
  readonly seed?: number;
}

/** One report of a step. */
export interface TrackedPoint {
  readonly step_id: string;
  /** Progress of the step. */
  readonly step: number;
  /** Unix milliseconds. */
  readonly time: number;
  /** null: not a finite number. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** A line of the log, or a sample of generated text. */
export interface TrackedText {
  readonly step_id: string;
  /** What it is: "log", or the prompt of a sample. */
  readonly name: string;
  readonly step: number;
  readonly time: number;
  readonly text: string;
}

/** How a run ended. */
export type TrackedEnd = "finished" | "failed" | "interrupted";

/** Writes one run. Calls come in the order of events; none waits for one before it, so a slow writer has a queue. */
export interface TrackerWriter {
  points(points: readonly TrackedPoint[]): void;
  text?(text: TrackedText): void;
  /** The run is over; nothing comes after it. The command waits for it, a while. */
  end(state: TrackedEnd, time: number): void | Promise<void>;
}

/** A tracker, built in or a plugin. It runs in the process of the runner, with its permissions. */
export interface Tracker {
  readonly interface: typeof TRACKER_INTERFACE;
  /** snake_case. */
  readonly name: string;
  readonly description: string;
  /**
   * Begins a run.
   *
   * @param at.folder a folder of its own for this run, not made yet: `<out>/runs/<id>/<name>`.
   * @param at.target what followed the name after a colon on the command line, such as the URL of a server.
   * @throws {Error} when it cannot; the run goes on without it.
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
 *   description: "Says how many points there were.",
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

/** Checks that a value, say the export of a plugin, is a tracker. */
export function assertTracker(value: unknown, origin: string): asserts value is Tracker {
  const given = value as Partial<Tracker> | null | undefined;
  const sound = typeof given === "object" && given !== null &&
    given.interface === TRACKER_INTERFACE && typeof given.open === "function" &&
    /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(given.name ?? "");
  if (sound) return;
  throw new TypeError(
    `${origin} is not a usable tracker: export what defineTracker returns, with a snake_case name and open()`,
  );
}
