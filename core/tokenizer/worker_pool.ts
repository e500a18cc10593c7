/**
 * Workers that answer requests, and batches of texts to send them.
 *
 * @module
 */
import { grown } from "./buffers.ts";

interface Job {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  /** Pending requests, oldest first: a worker answers in order. */
  readonly jobs: Job[];
}

/** What {@linkcode serve} posts back. */
type Answer = { reply: unknown } | { error: string };

export interface PoolOptions {
  /** Maximum number of workers; one per logical processor by default. */
  readonly workers?: number;
  /** When aborted, terminates the workers; requests then fail with its reason. */
  readonly signal?: AbortSignal;
}

/** Requests in flight per worker, so that none waits for its next one. */
const REQUESTS_PER_WORKER = 3;

/** Sends each request to the least loaded worker. A worker is started only when all others are busy. */
export class WorkerPool<Request, Reply> {
  readonly #members: Member[] = [];
  readonly #limit: number;
  readonly #abort = () => this.#end(this.options.signal!.reason);
  #ended: { readonly reason: unknown } | undefined;

  /**
   * @param url a module that calls {@linkcode serve}.
   * @param first sent to each worker before any other request; its reply is ignored.
   */
  constructor(
    readonly url: URL,
    readonly first: Request | undefined,
    readonly options: PoolOptions = {},
  ) {
    const { workers = navigator.hardwareConcurrency, signal } = options;
    if (!Number.isSafeInteger(workers) || workers < 1) {
      throw new RangeError(`workers must be an integer >= 1, got ${workers}`);
    }
    this.#limit = workers;
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  /** Number of requests that callers should keep in flight at most. */
  get max_in_flight(): number {
    return REQUESTS_PER_WORKER * this.#limit;
  }

  /**
   * Sends a request to a worker. The reply need not be awaited: failures are never reported as unhandled.
   *
   * @throws {Error} when the worker fails or the pool was closed; the signal's reason once it is aborted.
   */
  request(message: Request, transfer: Transferable[] = []): Promise<Reply> {
    if (this.#ended) return quietly(Promise.reject(this.#ended.reason));
    return this.#send(this.#freest(), message, transfer);
  }

  /**
   * Sends the same request to every started worker, after its pending ones.
   *
   * @throws like {@linkcode request}.
   */
  requestAll(message: Request): Promise<Reply[]> {
    if (this.#ended) return quietly(Promise.reject(this.#ended.reason));
    return Promise.all(this.#members.map((member) => this.#send(member, message, [])));
  }

  /** Terminates the workers. */
  close(): void {
    this.#end(new Error("the worker pool was closed"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #freest(): Member {
    const freest = this.#members.reduce<Member | undefined>(
      (best, member) => best && best.jobs.length <= member.jobs.length ? best : member,
      undefined,
    );
    const is_full = this.#members.length === this.#limit;
    return freest && (is_full || freest.jobs.length === 0) ? freest : this.#start();
  }

  #start(): Member {
    const member: Member = { worker: new Worker(this.url, { type: "module" }), jobs: [] };
    const { worker, jobs } = member;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const job = jobs.shift()!;
      if ("error" in data) job.reject(new Error(data.error));
      else job.resolve(data.reply);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(event.message));
    };
    worker.onmessageerror = () => this.#end(new Error("could not read a message from a worker"));
    this.#members.push(member);
    if (this.first !== undefined) this.#send(member, this.first, []);
    return member;
  }

  #send(member: Member, message: Request, transfer: Transferable[]): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    member.jobs.push({ resolve: resolve as Job["resolve"], reject });
    member.worker.postMessage(message, transfer);
    return quietly(promise);
  }

  #end(reason: unknown): void {
    this.#ended ??= { reason };
    this.options.signal?.removeEventListener("abort", this.#abort);
    for (const { worker, jobs } of this.#members.splice(0)) {
      worker.terminate();
      for (const { reject } of jobs) reject(this.#ended.reason);
    }
  }
}

/** The promise itself, marked so that its failure is never reported as unhandled. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
}

/**
 * The worker's side: answers requests one at a time, in order.
 *
 * @param answer returns the reply, and the buffers to transfer instead of copying.
 */
export function serve<Request>(
  answer: (request: Request) => Served | Promise<Served>,
): void {
  const scope = self as unknown as WorkerScope;
  let last: Promise<void> = Promise.resolve();
  scope.onmessage = ({ data }) => {
    last = last.then(async () => {
      try {
        const { reply, transfer = [] } = await answer(data);
        scope.postMessage({ reply }, transfer);
      } catch (error) {
        scope.postMessage({ error: (error as Error).message }, []);
      }
    });
  };
}

/** A reply, and the buffers to transfer. */
interface Served {
  readonly reply?: unknown;
  readonly transfer?: Transferable[];
}

/** A batch is full at this many UTF-8 bytes: some milliseconds of work. */
const BATCH_BYTES = 1 << 18;
/** Or at this many texts, which may be empty. */
const BATCH_TEXTS = 1 << 14;

/** Texts as UTF-8, concatenated. */
export interface PackedTexts {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** End of each text. */
  readonly ends: Float64Array<ArrayBuffer>;
}

/** Collects texts into a batch. */
export class TextBatch {
  #bytes = new Uint8Array(BATCH_BYTES);
  #ends: number[] = [];

  /** Bytes so far. */
  get byte_length(): number {
    return this.#ends.at(-1) ?? 0;
  }

  get is_empty(): boolean {
    return this.#ends.length === 0;
  }

  /** Whether the batch should be sent. */
  get is_full(): boolean {
    return this.byte_length >= BATCH_BYTES || this.#ends.length >= BATCH_TEXTS;
  }

  /** @param utf8 a well-formed text. */
  add(utf8: Uint8Array): void {
    const at = this.byte_length;
    this.#bytes = grown(this.#bytes, at + utf8.length);
    this.#bytes.set(utf8, at);
    this.#ends.push(at + utf8.length);
  }

  /** Returns the texts and empties the batch. */
  take(): PackedTexts {
    const bytes = this.#bytes.slice(0, this.byte_length), ends = Float64Array.from(this.#ends);
    this.#ends = [];
    if (this.#bytes.length > 4 * BATCH_BYTES) this.#bytes = new Uint8Array(BATCH_BYTES);
    return { bytes, ends };
  }
}

/** The texts one by one, as views of the packed bytes. */
export function* unpack({ bytes, ends }: PackedTexts): Generator<Uint8Array> {
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}
