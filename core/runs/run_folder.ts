/**
 * The runs of an output folder: their ids, and what the status endpoint reads of them.
 *
 * @module
 */
import { join } from "node:path";
import { listFolders } from "../store/mod.ts";
import { LogReader } from "./event_log.ts";
import type { RunState } from "./events.ts";
import { isRunning } from "./lock.ts";
import { RunIndex } from "./run_index.ts";
import { EVERY_BYTES, readSnapshot, SnapshotWriter } from "./snapshot.ts";

const LOG = "events.jsonl";

/** How old an answer may be, in milliseconds: how often a log, and a folder, is read at most. */
const MAX_AGE = { log_ms: 100, folder_ms: 250 };

/** Number of runs whose index is kept in memory. */
const MAX_INDEXES = 8;

/** Where the status endpoint gets its answers. */
export interface RunSource {
  /** Ids of all runs, newest first. */
  ids(): string[];
  /** State of a run, the same object as long as nothing changes; undefined when there is no such run. */
  get(id: string): Promise<RunState | undefined>;
  /** Series, lines and samples of a run; they grow with it. */
  index(id: string): Promise<RunIndex | undefined>;
  /** Path of a run's event log. */
  logPath(id: string): string;
}

/** What is known of one run. */
interface Entry {
  readonly reader: LogReader;
  readonly index?: RunIndex;
  /** When the log was last read. */
  read_at: number;
  reading?: Promise<RunState | undefined>;
  /** The state of a run whose process is gone, and which log state it belongs to. */
  lost?: { readonly of: RunState; readonly state: RunState };
}

/** Reads the event logs below `<out>/runs`; each call reads only what is new in a log. */
export class RunFolder implements RunSource {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  /** Those whose logs are being read for their index. */
  readonly #indexing = new Map<string, Promise<Entry>>();
  #ids: readonly string[] = [];
  #listed_at = -Infinity;
  #live?: { readonly id: string; readonly alive: boolean; readonly at: number };

  /** @param max_age how old an answer may be, in milliseconds. */
  constructor(private readonly out: string, private readonly max_age = MAX_AGE) {}

  ids(): string[] {
    return [...this.#list()];
  }

  async get(id: string): Promise<RunState | undefined> {
    if (!this.#list().includes(id)) return undefined;
    return await this.#read(id, this.#entries.get(id) ?? this.#open(id));
  }

  async index(id: string): Promise<RunIndex | undefined> {
    if (!this.#list().includes(id)) return undefined;
    const known = this.#entries.get(id);
    const entry = known?.index ? known : await this.#openIndexed(id);
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    this.#dropIndexes();
    await this.#read(id, entry);
    return entry.index;
  }

  logPath(id: string): string {
    return join(this.out, "runs", id, LOG);
  }

  #list(): readonly string[] {
    const now = performance.now();
    if (now - this.#listed_at < this.max_age.folder_ms) return this.#ids;
    const known = new Set(this.#ids);
    const folders = listFolders(join(this.out, "runs"));
    // A folder without a log is a run that is just starting, or something else.
    const ids = folders.filter((id) => known.has(id) || isFile(this.logPath(id))).reverse();
    if (ids.join("/") !== this.#ids.join("/")) this.#ids = ids;
    for (const id of this.#entries.keys()) if (!ids.includes(id)) this.#entries.delete(id);
    this.#listed_at = now;
    return this.#ids;
  }

  #open(id: string): Entry {
    const entry = { reader: new LogReader(this.logPath(id)), read_at: -Infinity };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Reads all of a log; requests for the state alone do not wait for it. */
  #openIndexed(id: string): Promise<Entry> {
    const known = this.#indexing.get(id);
    if (known) return known;
    const index = new RunIndex();
    const reader = new LogReader(this.logPath(id), (event) => index.add(event));
    const entry = { reader, index, read_at: -Infinity };
    const opened = this.#read(id, entry).then(() => entry);
    this.#indexing.set(id, opened);
    const forget = () => this.#indexing.delete(id);
    opened.then(forget, forget);
    return opened;
  }

  /** Keeps the most recently used indexes; for other runs the state is enough. */
  #dropIndexes(): void {
    const indexed = [...this.#entries].filter(([, { index }]) => index);
    for (const [id, entry] of indexed.slice(0, -MAX_INDEXES)) {
      // A call that is waiting for it still gets all of it.
      const detach = () => entry.reader.listener = undefined;
      Promise.resolve(entry.reading).then(detach, detach);
      this.#entries.set(id, { ...entry, index: undefined });
    }
  }

  async #read(id: string, entry: Entry): Promise<RunState | undefined> {
    const { reader } = entry;
    const is_over = reader.state !== undefined && reader.state.state !== "running";
    if (!is_over && performance.now() - entry.read_at >= this.max_age.log_ms) {
      entry.read_at = performance.now();
      entry.reading = reader.read();
    }
    await entry.reading;
    if (reader.state?.state !== "running" || this.#isAlive(id)) return reader.state;
    if (entry.lost?.of !== reader.state) {
      const state = await reader.read(); // the end may have been written since, and the process ended after it
      if (state?.state !== "running") return state;
      const message = "the process ended unexpectedly";
      entry.lost = { of: state, state: { ...state, state: "lost", paused: false, message } };
    }
    return entry.lost.state;
  }

  /** Only the newest run can be alive: one runner at a time holds the folder. */
  #isAlive(id: string): boolean {
    if (id !== this.#ids[0]) return false;
    const now = performance.now();
    if (this.#live?.id !== id || now - this.#live.at >= this.max_age.folder_ms) {
      this.#live = { id, alive: isRunning(this.out, id), at: now };
    }
    return this.#live.alive;
  }
}

/**
 * Writes snapshots of long logs that lack them: those of earlier versions, and those that were replaced. Only for the
 * runner, which owns the folder.
 */
export async function refreshSnapshots(out: string): Promise<void> {
  const runs = new RunFolder(out);
  for (const id of runs.ids()) {
    const path = runs.logPath(id);
    try {
      const covered = readSnapshot(path)?.offset ?? 0;
      if (Deno.statSync(path).size - covered < 4 * EVERY_BYTES) continue;
      const reader = new LogReader(path);
      const state = await reader.read();
      if (state) new SnapshotWriter(path).note(reader.offset, state);
    } catch {
      // A log that cannot be read is no reason not to run; readers of it report why.
    }
  }
}

/** Whether there is a regular file. A log is never a symbolic link, which might lead anywhere. */
function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch {
    return false; // missing, or in a folder without read permission
  }
}

/**
 * Makes a run id, "20260131T154500Z-quickstart", of the time; at least a second after the newest run, so that ids sort in
 * the order of the runs even if two start within a second, or the clock was set back.
 */
export function newRunId(out: string, recipe: string): string {
  const times = listFolders(join(out, "runs")).map(timeOf).filter(Number.isFinite);
  const time = times.reduce((after, taken) => Math.max(after, taken + 1000), Date.now());
  return `${new Date(time).toISOString().replace(/[-:]|\.\d+/g, "")}-${recipe}`;
}

/** Start of a run in Unix milliseconds, from its id; NaN for other names. */
function timeOf(id: string): number {
  const stamp = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\dZ)-.*$/;
  return Date.parse(id.replace(stamp, "$1-$2-$3T$4:$5:$6"));
}
