/**
 * The runs of an output folder: their ids, and what the status endpoint reads of them.
 *
 * @module
 */
import { join } from "node:path";
import { listFolder, listFolders } from "../store/mod.ts";
import { LogReader } from "./event_log.ts";
import type { RunState } from "./events.ts";
import { isRunning } from "./lock.ts";

const LOG = "events.jsonl";

/** One reported point: the step's progress, Unix milliseconds, and the metrics asked for. */
export interface MetricRow {
  step_id: string;
  step: number;
  time: number;
  metrics: Record<string, number | null>;
}

export interface MetricQuery {
  /** Only this step's points. */
  step_id?: string;
  /** Only this metric; points without it are left out. */
  name?: string;
  /** Range of progress, both ends included. */
  from?: number;
  to?: number;
}

/** Where the status endpoint gets its answers. */
export interface RunSource {
  /** Ids of all runs, newest first. */
  ids(): string[];
  /** State of a run; undefined when there is no such run. */
  get(id: string): Promise<RunState | undefined>;
  /** Reported points of a run, in order. */
  metrics(id: string, query: MetricQuery): Promise<MetricRow[]>;
}

/** Reads the event logs below `<out>/runs`; a log is read on from where the last call stopped. */
export class RunFolder implements RunSource {
  readonly #readers = new Map<string, LogReader>();

  constructor(private readonly out: string) {}

  ids(): string[] {
    const runs = join(this.out, "runs");
    // A folder without a log is a run that is just being set up, or not one of ours.
    return listFolders(runs).filter((id) => listFolder(join(runs, id)).includes(LOG)).reverse();
  }

  async get(id: string): Promise<RunState | undefined> {
    if (!this.ids().includes(id)) return undefined;
    const reader = this.#readers.get(id) ?? new LogReader(this.#path(id));
    this.#readers.set(id, reader);
    const state = await reader.read();
    if (state?.state !== "running") return state;
    const alive = id === this.ids()[0] && isRunning(this.out, id);
    return alive ? state : { ...state, state: "lost", message: "the process ended unexpectedly" };
  }

  async metrics(id: string, query: MetricQuery): Promise<MetricRow[]> {
    const { step_id, name, from = -Infinity, to = Infinity } = query;
    const rows: MetricRow[] = [];
    for await (const event of LogReader.events(this.#path(id))) {
      if (event.type !== "report" || (step_id !== undefined && event.step !== step_id)) continue;
      for (const [step, time, metrics] of event.points) {
        if (step < from || step > to) continue;
        if (name === undefined) rows.push({ step_id: event.step, step, time, metrics });
        else if (name in metrics) {
          rows.push({ step_id: event.step, step, time, metrics: { [name]: metrics[name] } });
        }
      }
    }
    return rows;
  }

  #path(id: string): string {
    return join(this.out, "runs", id, LOG);
  }
}

/**
 * "20260131T154500Z-quickstart": by time, and a second after the newest where that is no earlier, so that ids sort in
 * the order of the runs even if two begin within a second, or the clock was set back between them.
 */
export function newRunId(out: string, recipe: string): string {
  const times = listFolders(join(out, "runs")).map(timeOf).filter(Number.isFinite);
  const time = times.reduce((after, taken) => Math.max(after, taken + 1000), Date.now());
  return `${new Date(time).toISOString().replace(/[-:]|\.\d+/g, "")}-${recipe}`;
}

/** Unix milliseconds at which a run began by its id; NaN for other names. */
function timeOf(id: string): number {
  const stamp = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\dZ)-.*$/;
  return Date.parse(id.replace(stamp, "$1-$2-$3T$4:$5:$6"));
}
