/**
 * The connections of the status server: how many there are, and how long one may keep the server waiting.
 *
 * The server shares its process, and so its file handles, with training. Deno.serve and node:http accept whatever
 * comes, so connections are accepted here, one at a time: beyond the limit they wait in the system's queue, where they
 * cost no handle.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

/**
 * Connections at once. With the listener, one connection that waits for a place, and one file (routes open files
 * synchronously, one at a time), this is the most handles that clients can make the process use: see `MAX_HANDLES`.
 */
export const MAX_CONNECTIONS = 64;
export const MAX_HANDLES = MAX_CONNECTIONS + 3;

/** How long a client may take for a whole request, and how long it may take nothing of an answer. */
export const PATIENCE_MS = 15_000;

/** A client is left alone for as long before its connection may make room for another. */
const MIN_WAIT_MS = 100;

/** How often overdue connections are looked for. */
const SWEEP_MS = 1000;
/** How often a connection without a place looks for one. */
const RETRY_MS = 20;

const READ_BYTES = 1 << 14;

/** A TCP connection as a stream of Node's, as `node:http` reads it. It knows how long it has waited for its client. */
export class Connection extends Duplex {
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** Requests that have arrived in full and are not answered yet. */
  #owed = 0;
  #is_writing = false;
  /** When it began to wait for the client, or the client last took something; undefined while the client waits. */
  #since: number | undefined;
  /** The calls under way. Until they settle, a closed connection still has its handle. */
  #reading: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  /** @param now milliseconds of a monotonic clock. */
  constructor(private readonly tcp: Deno.TcpConn, private readonly now: () => number) {
    super({ allowHalfOpen: true });
    this.#since = now();
    tcp.setNoDelay(true);
    this.on("error", () => {}); // a client that is gone is no failure
  }

  /** A request has arrived in full: the server's turn. */
  requestArrived(): void {
    this.#owed++;
    this.#turn();
  }

  /** An answer has been sent: the client's turn. */
  answerSent(): void {
    this.#owed--;
    this.#turn();
  }

  /** Since when it waits for its client; Infinity if it does not. */
  get waiting_since(): number {
    return this.#since ?? Infinity;
  }

  /** Whether the client has used up its time. */
  get is_overdue(): boolean {
    return this.now() - this.waiting_since > PATIENCE_MS;
  }

  #turn(): void {
    this.#since = this.#owed > 0 && !this.#is_writing ? undefined : this.now();
  }

  override _read(): void {
    const take = (count: number | null) => {
      this.push(count === null ? null : this.#buffer.slice(0, count));
    };
    const end = (error: Error) => void this.destroy(error);
    this.#reading = this.tcp.read(this.#buffer).then(take, end);
  }

  override _write(chunk: Uint8Array, _: string, done: (error?: Error) => void): void {
    this.#writing = this.#writeAll(chunk).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "", done);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    this.#is_writing = true;
    for (let at = 0; at < bytes.length;) {
      this.#turn();
      at += await this.tcp.write(bytes.subarray(at));
    }
    this.#is_writing = false;
    this.#turn();
  }

  override _final(done: (error?: Error) => void): void {
    this.tcp.closeWrite().then(() => done(), () => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.tcp.close();
    Promise.all([this.#reading, this.#writing]).then(() => done(error));
  }
}

/** Accepts connections, no more than the limit, and closes those that keep the server waiting. */
export class Connections {
  readonly #open = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #is_closing = false;

  /**
   * @param onOpen called with each connection.
   * @param now milliseconds of a monotonic clock.
   */
  constructor(
    private readonly listener: Deno.Listener<Deno.TcpConn>,
    private readonly onOpen: (connection: Connection) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.#accept();
  }

  /** Closes connections whose clients keep the server waiting for too long. */
  sweep(): void {
    for (const connection of this.#open) if (connection.is_overdue) connection.destroy();
  }

  /** Accepts no more; resolves when all answers under way have been sent. */
  async close(): Promise<void> {
    this.#is_closing = true;
    this.listener.close();
    while (this.#open.size > 0) {
      for (const connection of this.#open) {
        if (connection.waiting_since < Infinity) connection.destroy();
      }
      await pause(RETRY_MS);
    }
    clearInterval(this.#timer);
  }

  async #accept(): Promise<void> {
    while (!this.#is_closing) {
      try {
        const tcp = await this.listener.accept();
        while (this.#open.size >= MAX_CONNECTIONS) await this.#makeRoom();
        if (this.#is_closing) tcp.close();
        else this.#add(new Connection(tcp, this.now));
      } catch {
        // A client that was gone already, or training has all other handles: what is idle can go.
        if (!this.#is_closing) await this.#makeRoom();
      }
    }
  }

  #add(connection: Connection): void {
    this.#open.add(connection);
    connection.once("close", () => this.#open.delete(connection));
    this.onOpen(connection);
  }

  /** Closes the connection that has waited longest for its client; pauses if none has. */
  async #makeRoom(): Promise<void> {
    await pause(0); // what has arrived, and was not read while the thread was busy, counts
    let longest: Connection | undefined;
    for (const one of this.#open) {
      if (one.waiting_since < (longest?.waiting_since ?? Infinity)) longest = one;
    }
    if (!longest || this.now() - longest.waiting_since < MIN_WAIT_MS) return await pause(RETRY_MS);
    const closed = new Promise((resolve) => longest.once("close", resolve));
    longest.destroy();
    await closed;
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
