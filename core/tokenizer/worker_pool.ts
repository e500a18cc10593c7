/**
 * Workers that answer requests.
 *
 * @module
 */

interface Job {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  /** Requests not answered yet, oldest first: a worker answers in order. */
  readonly jobs: Job[];
}

/** What {@linkcode serve} posts back. */
type Answer = { reply: unknown } | { error: string };

export interface PoolOptions {
  /** Workers at most; by default one for each logical processor. */
  readonly workers?: number;
  /** Once aborted, workers are ended, and requests fail with its reason. */
  readonly signal?: AbortSignal;
}

/** Requests for each worker that are worth having under way: it need not wait for its next one. */
const REQUESTS_PER_WORKER = 3;

/** Sends each request to the worker that has the fewest. Workers are started when all others have work. */
export class WorkerPool<Request, Reply> {
  readonly #members: Member[] = [];
  readonly #limit: number;
  readonly #abort = () => this.#end(this.options.signal!.reason);
  #ended: { readonly reason: unknown } | undefined;

  /**
   * @param url a module that calls {@linkcode serve}.
   * @param first a request that each worker gets before all others; its reply is not used.
   */
  constructor(
    readonly url: URL,
    readonly first: Request | undefined,
    readonly options: PoolOptions = {},
  ) {
    const { workers = navigator.hardwareConcurrency, signal } = options;
    if (!Number.isSafeInteger(workers) || workers < 1) {
      throw new RangeError(`workers is ${workers}; it must be a whole number above 0`);
    }
    this.#limit = workers;
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  /** Requests to have under way at a time. */
  get in_flight(): number {
    return REQUESTS_PER_WORKER * this.#limit;
  }

  /**
   * Has a worker answer. A caller that gives up need not wait: failures are not reported as unhandled.
   *
   * @throws {Error} when the worker fails, or the pool was closed; the signal's reason once it is aborted.
   */
  request(message: Request, transfer: Transferable[] = []): Promise<Reply> {
    if (this.#ended) return quietly(Promise.reject(this.#ended.reason));
    return this.#send(this.#freest(), message, transfer);
  }

  /**
   * Has every worker that was started answer the same request, after all that came before.
   *
   * @throws as {@linkcode request} does.
   */
  requestAll(message: Request): Promise<Reply[]> {
    if (this.#ended) return quietly(Promise.reject(this.#ended.reason));
    return Promise.all(this.#members.map((member) => this.#send(member, message, [])));
  }

  /** Ends the workers. */
  close(): void {
    this.#end(new Error("the workers were closed"));
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
    worker.onmessageerror = () => this.#end(new Error("a message from a worker was unreadable"));
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

/** A promise whose failure nobody needs to take note of. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** What a worker has of its global scope. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
}

/**
 * The worker's side: answers requests one by one, in order.
 *
 * @param answer gives the reply, and what of it is handed over instead of copied.
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

/** A reply, and its buffers that are handed over. */
export interface Served {
  readonly reply?: unknown;
  readonly transfer?: Transferable[];
}
