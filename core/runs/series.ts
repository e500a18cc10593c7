/**
 * What the reports of a run say, by step and metric, in columns.
 *
 * @module
 */
import type { Point } from "./events.ts";

/** One metric of one step; the arrays are of equal length and in the order of the reports. */
export interface Series {
  readonly step_id: string;
  readonly name: string;
  /** Progress of the step. */
  readonly steps: Float64Array;
  /** Unix milliseconds. */
  readonly times: Float64Array;
  /** NaN where the stage reported no finite number. */
  readonly values: Float64Array;
}

/** Which points are wanted. */
export interface SeriesQuery {
  /** Only of these steps; of all by default. */
  readonly steps?: readonly string[];
  /** Only these metrics; all by default. */
  readonly names?: readonly string[];
  /** Range of progress, both ends included. */
  readonly from?: number;
  readonly to?: number;
}

/** The points of a run. It grows with the run; a view that was taken does not change. */
export class SeriesIndex {
  /** Points so far, of all series: what was read at an equal count is still true. */
  points = 0;
  readonly #columns = new Map<string, Map<string, GrowingSeries>>();

  /** Takes the points of one report. */
  add(step_id: string, points: readonly Point[]): void {
    let metrics = this.#columns.get(step_id);
    if (!metrics) this.#columns.set(step_id, metrics = new Map());
    for (const [step, time, values] of points) {
      for (const name in values) {
        let series = metrics.get(name);
        if (!series) metrics.set(name, series = new GrowingSeries());
        series.push(step, time, values[name] ?? NaN);
        this.points++;
      }
    }
  }

  /** The series that match, by the order in which they began; those without a point in the range are left out. */
  select({ steps, names, from = -Infinity, to = Infinity }: SeriesQuery = {}): Series[] {
    const found: Series[] = [];
    for (const [step_id, metrics] of this.#columns) {
      if (steps && !steps.includes(step_id)) continue;
      for (const [name, series] of metrics) {
        if (names && !names.includes(name)) continue;
        const columns = series.range(from, to);
        if (columns.steps.length > 0) found.push({ step_id, name, ...columns });
      }
    }
    return found;
  }
}

/** Columns that double when they are full. */
class GrowingSeries {
  #length = 0;
  #columns = Array.from({ length: 3 }, () => new Float64Array(8));
  /** Whether progress never fell, so that a range is one piece. */
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

/** Index of the first of ascending values that a rule holds for, by bisection; the length where it holds for none. */
function firstIndex(values: Float64Array, holds: (value: number) => boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
