/**
 * Answers of a moment ago, given again to those who ask for the same.
 *
 * @module
 */
import { countAgain } from "./request_statistics.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** How old an answer may be. */
const MAX_AGE_MS = 500;
/** Answers that are kept, and bytes of each at most. */
const MAX_ANSWERS = 64;
const MAX_BYTES = 1 << 18;

/** Whatever an answer depends on, besides the method and the URL. */
const HEADERS = new Set([
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
 * Where many watch one run they ask for the same again and again, and every answer takes processor time from training:
 * the code of the routes is never in the caches of a processor that computes something else meanwhile.
 *
 * Whoever changes something sees it at once: all that was kept is dropped then.
 */
export class RecentAnswers {
  readonly #answers = new Map<string, Answer>();
  /** Counts changes: what was made before one is not kept after it. */
  #changes = 0;

  /** @param now milliseconds, by a clock that nobody sets. */
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
    const answer = { status, headers, body, until, count: countAgain.get(request) };
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

/** In one pass over the headers: asking for each would take as long as all the rest. */
function keyOf({ url, headers }: Request): string {
  let key = url;
  for (const [name, value] of headers) if (HEADERS.has(name)) key += `\n${name}: ${value}`;
  return key;
}

/** Text that is there as a whole: no stream, no file, and nothing that sets a cookie. */
function mayKeep({ status, headers }: Response): boolean {
  if (headers.has("set-cookie") || headers.has("accept-ranges")) return false;
  const type = headers.get("content-type") ?? "";
  return status === 304 || (status === 200 && /^(application\/json|text\/plain)\b/.test(type));
}
