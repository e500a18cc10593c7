/**
 * What is kept of a run's log besides its state: metric series, log lines, samples and result keys.
 *
 * @module
 */
import type { Point, RunEvent } from "./events.ts";

/** A line that a task logged, or the message of a failure; `task` is null for a message of the run. */
export interface LogLine {
  readonly time: number;
  readonly task: string | null;
  readonly message: string;
}

/** A continuation of a prompt, sampled while the model trained. */
export interface SampleLine {
  readonly task: string;
  /** Optimizer steps done by then. */
  readonly step: number;
  readonly time: number;
  readonly prompt: string;
  readonly text: string;
}

/** How many of the newest lines, and of the newest samples, are kept. */
const KEPT = 10_000;

/** Grows with the log of a run. A "task" is a step of the recipe; a "step" is an optimizer step. */
export class RunIndex {
  readonly series = new SeriesIndex();
  readonly lines: LogLine[] = [];
  readonly samples: SampleLine[] = [];
  /** Result key of each task that started or was skipped. */
  readonly keys = new Map<string, string>();

  /** Adds the next event of the log. */
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
        return keep(this.lines, { time, task: event.step, message: event.message });
      case "run_failed":
      case "run_interrupted":
        return keep(this.lines, { time, task: null, message: event.message });
      case "sample": {
        const { step: task, done: step, prompt, text } = event;
        return keep(this.samples, { task, step, time, prompt, text });
      }
    }
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  // Trimmed in bulk: shifting a long array on every line would be a pass over it each time.
  if (list.length >= 2 * KEPT) list.splice(0, list.length - KEPT);
}

/** One metric of one task; the arrays have equal lengths and the order of the reports. */
export interface Series {
  readonly task: string;
  readonly name: string;
  /** Optimizer steps, or whatever else the stage counts as progress. */
  readonly steps: Float64Array;
  /** Unix milliseconds. */
  readonly times: Float64Array;
  /** NaN where the reported value was not finite. */
  readonly values: Float64Array;
}

/** Which points are wanted. */
export interface SeriesQuery {
  /** Only these tasks; all by default. */
  readonly tasks?: readonly string[];
  /** Only these metrics; all by default. */
  readonly names?: readonly string[];
  /** Range of steps, both ends included. */
  readonly from?: number;
  readonly to?: number;
}

/** The metric points of a run. It grows with the run; a view taken from it does not change. */
export class SeriesIndex {
  /** Points so far, over all series. */
  points = 0;
  readonly #columns = new Map<string, Map<string, GrowingSeries>>();

  /** Adds the points of one report. */
  add(task: string, points: readonly Point[]): void {
    let metrics = this.#columns.get(task);
    if (!metrics) this.#columns.set(task, metrics = new Map());
    for (const [step, time, values] of points) {
      for (const name in values) {
        let series = metrics.get(name);
        if (!series) metrics.set(name, series = new GrowingSeries());
        series.push(step, time, values[name] ?? NaN);
        this.points++;
      }
    }
  }

  /** The matching series, in the order of their first points, without those that have no point in the range. */
  select({ tasks, names, from = -Infinity, to = Infinity }: SeriesQuery = {}): Series[] {
    const found: Series[] = [];
    for (const [task, metrics] of this.#columns) {
      if (tasks && !tasks.includes(task)) continue;
      for (const [name, series] of metrics) {
        if (names && !names.includes(name)) continue;
        const columns = series.range(from, to);
        if (columns.steps.length > 0) found.push({ task, name, ...columns });
      }
    }
    return found;
  }
}

/** Columns that double in size when they are full. */
class GrowingSeries {
  #length = 0;
  #columns = Array.from({ length: 3 }, () => new Float64Array(8));
  /** Whether steps never decreased, so that a range is contiguous. */
  #ordered = true;

  push(step: number, time: number, value: number): void {
    const at = this.#length++;
    if (at === this.#columns[0].length) {
      this.#columns = this.#columns.map((column) => {
        const larger = new Float64Array(2 * at);
        larger.set(column);
        return larger;
      });
    }
    const [steps, times, values] = this.#columns;
    if (at > 0 && !(step >= steps[at - 1])) this.#ordered = false;
    [steps[at], times[at], values[at]] = [step, time, value];
  }

  range(from: number, to: number) {
    const [steps, times, values] = this.#columns.map((column) => column.subarray(0, this.#length));
    if (from === -Infinity && to === Infinity) return { steps, times, values };
    if (!this.#ordered) {
      const inside = (_: number, i: number) => steps[i] >= from && steps[i] <= to;
      return {
        steps: steps.filter(inside),
        times: times.filter(inside),
        values: values.filter(inside),
      };
    }
    const begin = firstIndex(steps, (step) => step >= from);
    const end = Math.max(begin, firstIndex(steps, (step) => step > to));
    return {
      steps: steps.subarray(begin, end),
      times: times.subarray(begin, end),
      values: values.subarray(begin, end),
    };
  }
}

/** Index of the first of ascending values for which a predicate holds, by bisection; the length if there is none. */
function firstIndex(values: Float64Array, holds: (value: number) => boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
