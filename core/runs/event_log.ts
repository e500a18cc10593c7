/**
 * Event logs on disk: `<out>/runs/<run id>/events.jsonl`.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { applyEvent, type RunEvent, type RunEventBody, type RunState } from "./events.ts";
import { writeAll } from "../store/mod.ts";

/** Appends events to a run's log, keeps the folded state, and tells a listener. */
export class EventLog {
  /** State of the run so far. */
  state: RunState | undefined;
  /** The first failure to write the log, such as a full disk. The run goes on to its end without the log. */
  error: unknown;
  readonly #file: Deno.FsFile;
  #last = -Infinity;

  constructor(
    folder: string,
    private readonly listener: (event: RunEvent, state: RunState) => void = () => {},
    private readonly now: () => number = Date.now,
  ) {
    Deno.mkdirSync(folder, { recursive: true });
    const path = join(folder, "events.jsonl");
    this.#file = Deno.openSync(path, { create: true, append: true });
  }

  emit(body: RunEventBody): void {
    // A clock may be set back while a run goes on; its log does not go back.
    this.#last = Math.max(this.#last, this.now());
    const event: RunEvent = { time: this.#last, ...body };
    this.state = applyEvent(this.state, event);
    if (this.error === undefined) {
      try {
        writeAll(this.#file, new TextEncoder().encode(JSON.stringify(event) + "\n"));
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

/** A line of a log. */
export interface LoggedLine {
  readonly event: RunEvent;
  /** Its JSON, without the line break. */
  readonly text: string;
  /** Where the next line begins, in bytes from the start of the log. */
  readonly end: number;
}

/** Reads a growing log line by line, on from where it stopped the last time. */
export class LogTail {
  /** How much of the log was read, in whole lines. */
  offset: number;

  /** @param offset where to begin: the start of a line. */
  constructor(private readonly path: string, offset = 0) {
    this.offset = offset;
  }

  /** The lines that are there and were not read yet, a piece of the log at a time. */
  async *read(): AsyncGenerator<LoggedLine[]> {
    const { size } = await Deno.stat(this.path);
    if (size <= this.offset) return;
    using file = await Deno.open(this.path);
    await file.seek(this.offset, Deno.SeekMode.Start);
    // Mostly a few lines are new: a whole piece would be more memory to clear than to read.
    let [bytes, filled] = [new Uint8Array(Math.min(PIECE_BYTES, size - this.offset)), 0];
    for (;;) {
      const read = await file.read(bytes.subarray(filled));
      if (read === null) return;
      const fresh = filled;
      filled += read;
      // A line that is still being written waits for its end.
      const end = bytes.subarray(fresh, filled).lastIndexOf(LINE_BREAK) + 1;
      if (end > 0) {
        const begin = this.offset;
        const whole = bytes.subarray(0, fresh + end);
        this.offset += whole.length;
        yield parseLines(whole, begin);
        bytes.copyWithin(0, whole.length, filled);
        filled -= whole.length;
      }
      if (filled === bytes.length) bytes = grown(bytes);
    }
  }
}

const PIECE_BYTES = 1 << 18;
const LINE_BREAK = 10;

function grown(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}

/** Follows a growing log: each call reads only what was appended since the last. */
export class LogReader {
  state: RunState | undefined;
  readonly #tail: LogTail;
  #reading: Promise<RunState | undefined> = Promise.resolve(undefined);

  /** @param listener told of each event, once the state has it. */
  constructor(
    private readonly path: string,
    public listener?: (event: RunEvent) => void,
  ) {
    this.#tail = new LogTail(path);
  }

  /** Folds what is new and returns the state, undefined while there is none. */
  read(): Promise<RunState | undefined> {
    // One read at a time: two would both start from the same place in the log.
    return this.#reading = this.#reading.catch(() => {}).then(() => this.#readOn());
  }

  async #readOn(): Promise<RunState | undefined> {
    for await (const lines of this.#tail.read()) {
      for (const { event } of lines) this.#take(event);
    }
    return this.state;
  }

  #take(event: RunEvent): void {
    try {
      // A run is called as its folder is, also where that was copied or renamed.
      const run = basename(dirname(this.path));
      const named = event.type === "run_started" ? { ...event, run } : event;
      this.state = applyEvent(this.state, named);
      this.listener?.(event);
    } catch (error) {
      // JSON, but no event of this program: whoever wrote it, the rest of the log still counts.
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

/** @param begin where the bytes, whole lines, stand in the log. */
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

/** Undefined for a line cut off by a crash, with a later event written behind it. The rest of the log still counts. */
function parseEvent(line: string): RunEvent | undefined {
  try {
    const event = JSON.parse(line) as RunEvent | null;
    return typeof event?.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}
