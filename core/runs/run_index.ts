/**
 * What a reader of a run's log keeps of it besides the state: series, lines, samples, keys.
 *
 * @module
 */
import type { RunEvent } from "./events.ts";
import { SeriesIndex } from "./series.ts";

/** A line that a step logged, or the message of a failure; `step_id` is null for a message of the run. */
export interface LogLine {
  readonly time: number;
  readonly step_id: string | null;
  readonly message: string;
}

/** Text that the model went on with after a prompt. */
export interface SampleLine {
  readonly step_id: string;
  /** Steps done by then. */
  readonly step: number;
  readonly time: number;
  readonly prompt: string;
  readonly text: string;
}

/** Lines and samples that are kept, the newest of each. */
const KEPT = 10_000;

/** Grows with the log of a run. */
export class RunIndex {
  readonly series = new SeriesIndex();
  readonly lines: LogLine[] = [];
  readonly samples: SampleLine[] = [];
  /** Of each step that began or was skipped, the key of its result. */
  readonly keys = new Map<string, string>();

  /** Takes the next event. */
  add(event: RunEvent): void {
    const { time } = event;
    switch (event.type) {
      case "report":
        return this.series.add(event.step, event.points);
      case "step_started":
      case "step_skipped":
        this.keys.set(event.step, event.key);
        return;
      case "log":
      case "step_failed":
        return keep(this.lines, { time, step_id: event.step, message: event.message });
      case "run_failed":
      case "run_interrupted":
        return keep(this.lines, { time, step_id: null, message: event.message });
      case "sample": {
        const { step: step_id, done: step, prompt, text } = event;
        return keep(this.samples, { step_id, step, time, prompt, text });
      }
    }
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  // Cut now and then, for shifting a long array on every line is a pass over it.
  if (list.length >= 2 * KEPT) list.splice(0, list.length - KEPT);
}
