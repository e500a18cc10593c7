/**
 * Event logs on disk: `<out>/runs/<run id>/events.jsonl`.
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { basename, dirname, join } from "node:path";
import { applyEvent, type RunEvent, type RunEventBody, type RunState } from "./events.ts";
import { visible } from "../stage/mod.ts";
import { readPart, writeAll } from "../store/mod.ts";
import { readSnapshot, SnapshotWriter } from "./snapshot.ts";

/** Appends events to a run's log, keeps the state they add up to, and calls a listener. */
export class EventLog {
  /** State of the run so far. */
  state: RunState | undefined;
  /** The first failure to write the log, such as a full disk. Later events are not written. */
  error: unknown;
  readonly #file: Deno.FsFile;
  /** Absent where the log has events that this process did not write. */
  readonly #snapshots?: SnapshotWriter;
  #bytes = 0;
  #last = -Infinity;

  constructor(
    folder: string,
    private readonly listener: (event: RunEvent, state: RunState) => void = () => {},
    private readonly now: () => number = Date.now,
  ) {
    Deno.mkdirSync(folder, { recursive: true });
    const path = join(folder, "events.jsonl");
    this.#file = openFileSync(path, { create: true, append: true });
    if (this.#file.statSync().size === 0) this.#snapshots = new SnapshotWriter(path);
  }

  emit(body: RunEventBody): void {
    // The system clock may be set back during a run; times in the log never decrease.
    this.#last = Math.max(this.#last, this.now());
    const event: RunEvent = { time: this.#last, ...body };
    this.state = applyEvent(this.state, event);
    if (this.error === undefined) {
      try {
        const line = eventLine(event);
        writeAll(this.#file, line);
        this.#bytes += line.length;
        if (this.state) this.#snapshots?.note(this.#bytes, this.state);
      } catch (error) {
        this.error = error;
      }
    }
    if (this.state) this.listener(event, this.state);
  }

  close(): void {
    this.#file.close();
  }
}

/** An event as a line of JSON, which a person may print on a terminal. */
export function eventLine(event: unknown): Uint8Array {
  return new TextEncoder().encode(visible(JSON.stringify(event)) + "\n");
}

/** A line of a log. */
export interface LoggedLine {
  readonly event: RunEvent;
  /** Its JSON, without the line break. */
  readonly text: string;
  /** Start of the next line, in bytes from the start of the log. */
  readonly end: number;
}

/** Reads a growing log line by line; each call continues where the last one stopped. */
export class LogTail {
  /** Bytes read so far, in whole lines. */
  offset: number;

  /** @param offset where to start: the beginning of a line. */
  constructor(private readonly path: string, offset = 0) {
    this.offset = offset;
  }

  /** The new lines, a chunk of the log at a time. No file is open while the caller has a chunk. */
  async *read(): AsyncGenerator<LoggedLine[]> {
    for (let bytes = CHUNK_BYTES;;) {
      const chunk = readPart(this.path, this.offset, bytes);
      // A line that is still being written is read once it is complete.
      const end = chunk.lastIndexOf(LINE_BREAK) + 1;
      if (end > 0) {
        const begin = this.offset;
        this.offset += end;
        yield parseLines(chunk.subarray(0, end), begin);
      }
      if (chunk.length < bytes) return;
      bytes = end > 0 ? CHUNK_BYTES : 2 * bytes;
      // Whatever else the thread has to do comes between the chunks of a long log.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

const CHUNK_BYTES = 1 << 18;
const LINE_BREAK = 10;

/** Follows a growing log: each call reads only what was appended since the last, the first what no snapshot covers. */
export class LogReader {
  state: RunState | undefined;
  #tail?: LogTail;
  #reading: Promise<RunState | undefined> = Promise.resolve(undefined);

  /** @param listener called with each event, after the state is updated; all events are read for it. */
  constructor(
    private readonly path: string,
    public listener?: (event: RunEvent) => void,
  ) {}

  /** Bytes of the log that the state covers. */
  get offset(): number {
    return this.#tail?.offset ?? 0;
  }

  /** Applies new events and returns the state; undefined before the first event. */
  read(): Promise<RunState | undefined> {
    // One read at a time: two would start from the same place in the log.
    return this.#reading = this.#reading.catch(() => {}).then(() => this.#readNew());
  }

  async #readNew(): Promise<RunState | undefined> {
    if (!this.#tail) {
      const snapshot = this.listener ? undefined : readSnapshot(this.path);
      this.state = snapshot?.state;
      this.#tail = new LogTail(this.path, snapshot?.offset);
    }
    for await (const lines of this.#tail.read()) {
      for (const { event } of lines) this.#apply(event);
    }
    return this.state;
  }

  #apply(event: RunEvent): void {
    try {
      // A run has the name of its folder, even if that was copied or renamed.
      const run = basename(dirname(this.path));
      const named = event.type === "run_started" ? { ...event, run } : event;
      this.state = applyEvent(this.state, named);
      this.listener?.(event);
    } catch (error) {
      // JSON, but not an event of this program: skip it and use the rest of the log.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Reads a log from start to end. */
  static async *events(path: string): AsyncGenerator<RunEvent> {
    for await (const lines of new LogTail(path).read()) {
      for (const { event } of lines) yield event;
    }
  }
}

/** @param begin position of the bytes, which are whole lines, in the log. */
function parseLines(bytes: Uint8Array, begin: number): LoggedLine[] {
  const lines: LoggedLine[] = [];
  for (let from = 0; from < bytes.length;) {
    const to = bytes.indexOf(LINE_BREAK, from);
    const text = DECODER.decode(bytes.subarray(from, to));
    from = to + 1;
    const event = parseEvent(text);
    if (event) lines.push({ event, text, end: begin + from });
  }
  return lines;
}

const DECODER = new TextDecoder();

/** Undefined for a line that a crash cut off; a later event may follow on the same line. */
function parseEvent(line: string): RunEvent | undefined {
  try {
    const event = JSON.parse(line) as RunEvent | null;
    return typeof event?.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}
