/**
 * Event logs on disk: `<out>/runs/<run id>/events.jsonl`.
 *
 * @module
 */
import { join } from "node:path";
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

/** Follows a growing log: each call reads only what was appended since the last. */
export class LogReader {
  state: RunState | undefined;
  #offset = 0;
  #rest = new Uint8Array();
  #reading: Promise<RunState | undefined> = Promise.resolve(undefined);

  constructor(private readonly path: string) {}

  /** Folds what is new and returns the state, undefined while there is none. */
  read(): Promise<RunState | undefined> {
    // One read at a time: two would both start from the same place in the log.
    return this.#reading = this.#reading.catch(() => {}).then(() => this.#readOn());
  }

  async #readOn(): Promise<RunState | undefined> {
    for await (const event of this.#events()) this.state = applyEvent(this.state, event);
    return this.state;
  }

  async *#events(): AsyncGenerator<RunEvent> {
    using file = await Deno.open(this.path);
    await file.seek(this.#offset, Deno.SeekMode.Start);
    const piece = new Uint8Array(1 << 18);
    for (let read = await file.read(piece); read !== null; read = await file.read(piece)) {
      this.#offset += read;
      const bytes = new Uint8Array(this.#rest.length + read);
      bytes.set(this.#rest);
      bytes.set(piece.subarray(0, read), this.#rest.length);
      // A line that is still being written waits for its end.
      const end = bytes.lastIndexOf(10) + 1;
      this.#rest = bytes.slice(end);
      yield* parseLines(new TextDecoder().decode(bytes.subarray(0, end)));
    }
  }

  /** Reads a log from start to end. */
  static events(path: string): AsyncGenerator<RunEvent> {
    return new LogReader(path).#events();
  }
}

function* parseLines(text: string): Generator<RunEvent> {
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      yield JSON.parse(line) as RunEvent;
    } catch {
      // A line cut off by a crash, with a later event written behind it. The rest of the log still counts.
    }
  }
}
