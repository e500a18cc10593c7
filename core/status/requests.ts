/**
 * What happens around the routes: requests are counted and timed, and the server's one cache answers repeated ones.
 *
 * @module
 */
import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import { Counter, Histogram, type Registry } from "prom-client";

/** Seconds; the goal is 0.05. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const METHODS = ["GET", "HEAD", "POST", "DELETE"];

/** For each answered request, a function that counts another request with the same answer. */
const counters = new WeakMap<Request, (seconds: number) => void>();

/** Metrics of the server itself. Labels name the route, not the path: clients can make up any number of paths. */
export class RequestStatistics {
  readonly #total = new Counter({
    name: "causeway_http_requests_total",
    help: "Answered requests",
    labelNames: ["method", "route", "status"],
    registers: [],
  });
  readonly #seconds = new Histogram({
    name: "causeway_http_request_duration_seconds",
    help: "Seconds until the answer began",
    labelNames: ["method", "route"],
    buckets: BUCKETS,
    registers: [],
  });

  /** Counts a request that was answered. */
  observe(c: Context, seconds: number): void {
    const handlers = matchedRoutes(c).filter(({ method }) => method !== "ALL");
    const route = handlers.at(-1)?.path ?? "none";
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    const total = this.#total.labels({ method, route, status: c.res.status });
    const times = this.#seconds.labels({ method, route });
    const count = (seconds: number) => {
      total.inc();
      times.observe(seconds);
    };
    count(seconds);
    counters.set(c.req.raw, count);
  }

  register(registry: Registry): void {
    registry.registerMetric(this.#total);
    registry.registerMetric(this.#seconds);
  }
}

type Handler = (request: Request) => Response | Promise<Response>;

/** How old an answer may be. */
const MAX_AGE_MS = 500;
/** Answers kept, and the most bytes of each. */
const MAX_ANSWERS = 64;
const MAX_BYTES = 1 << 20;

/** Everything that an answer depends on, besides the method and the URL. */
const KEY_HEADERS = new Set([
  "host",
  "origin",
  "authorization",
  "cookie",
  "accept",
  "if-none-match",
  "range",
]);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly until: number;
  readonly count?: (seconds: number) => void;
}

/**
 * The only cache of answers. Its reason: where many clients poll one run, they ask for the same thing again and again,
 * and every answer takes processor time from training. So an answer is reused for half a second.
 *
 * A request that changes something empties it, so its effect shows at once.
 */
export class RecentAnswers {
  readonly #answers = new Map<string, Answer>();
  /** Number of changes: an answer made before a change is not kept after it. */
  #changes = 0;

  /** @param now milliseconds of a monotonic clock. */
  constructor(
    private readonly handler: Handler,
    private readonly now: () => number = () => performance.now(),
  ) {}

  answer(request: Request): Response | Promise<Response> {
    if (request.method !== "GET") return this.#change(request);
    const begin = this.now();
    const key = keyOf(request);
    const known = this.#answers.get(key);
    if (known === undefined || known.until <= begin) return this.#make(key, request);
    known.count?.((this.now() - begin) / 1000);
    return new Response(known.body, known);
  }

  async #make(key: string, request: Request): Promise<Response> {
    this.#answers.delete(key);
    const changes = this.#changes;
    const response = await this.handler(request);
    if (!mayKeep(response)) return response;
    const { status, headers } = response;
    const body = response.body && new Uint8Array(await response.arrayBuffer());
    const until = this.now() + MAX_AGE_MS;
    const answer = { status, headers, body, until, count: counters.get(request) };
    if (changes === this.#changes && (body?.length ?? 0) <= MAX_BYTES) this.#keep(key, answer);
    return new Response(body, answer);
  }

  #keep(key: string, answer: Answer): void {
    this.#answers.set(key, answer);
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!);
  }

  async #change(request: Request): Promise<Response> {
    if (request.method === "HEAD") return await this.handler(request);
    try {
      return await this.handler(request);
    } finally {
      this.#changes++;
      this.#answers.clear();
    }
  }
}

/** One pass over all headers: looking each of them up takes as long as everything else here together. */
function keyOf({ url, headers }: Request): string {
  let key = url;
  for (const [name, value] of headers) if (KEY_HEADERS.has(name)) key += `\n${name}: ${value}`;
  return key;
}

/** Complete text only: no stream, no file, and nothing that sets a cookie. */
function mayKeep({ status, headers }: Response): boolean {
  if (headers.has("set-cookie") || headers.has("accept-ranges")) return false;
  const type = headers.get("content-type") ?? "";
  return status === 304 || (status === 200 && /^(application\/json|text\/plain)\b/.test(type));
}
