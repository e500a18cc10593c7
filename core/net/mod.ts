/**
 * Requests over a network that may fail for a moment: which failures are worth another try, and how long to wait. And
 * answers that may be larger than memory, or never end.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A failure that may be gone at the next try. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  /** @param wait_ms how long the server asks to wait, if it does. */
  constructor(message: string, readonly wait_ms?: number) {
    super(message);
  }
}

export interface RetryOptions {
  /** Further tries after failures in a row. */
  readonly retries: number;
  /** Wait after the first failure; doubled after each further one. */
  readonly pause_ms: number;
  /** Called with one line about each failure that is followed by another try. */
  readonly log?: (message: string) => void;
  readonly signal?: AbortSignal;
  /** Makes the error that is thrown after the last try. */
  readonly fail?: (message: string, cause: TransientError) => Error;
  /** Waits; tests replace it. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

const MAX_BACKOFF_MS = 30_000;
/** Connections for one task, each of which may gain a byte. */
const MAX_TRIES = 10_000;
/** Servers count requests in windows of minutes, and may ask to wait for the next one. */
const MAX_WAIT_MS = 300_000;

/**
 * Runs something until it succeeds, waiting longer after each `TransientError`, or as long as the server asks.
 *
 * @param task for messages: "downloading x".
 * @param reached bytes gained so far. Only failures in a row that gained none count, so that a large file may take any
 * number of connections, up to 10,000.
 * @throws {Error} the one that `fail` makes, after the last try; any other error of `attempt` at once.
 *
 * @example
 * ```ts
 * import { retrying, TransientError } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * let calls = 0;
 * const answer = await retrying("asking", { retries: 2, pause_ms: 1 }, () => {
 *   if (++calls < 3) throw new TransientError("busy");
 *   return Promise.resolve(42);
 * });
 * assert.deepEqual([answer, calls], [42, 3]);
 * ```
 */
export async function retrying<T>(
  task: string,
  options: RetryOptions,
  attempt: () => Promise<T>,
  reached: () => number = () => 0,
): Promise<T> {
  const { retries, pause_ms, log, signal, sleep: wait = sleep } = options;
  const { fail = (message: string, cause: TransientError) => new Error(message, { cause }) } =
    options;
  for (let failures = 0, best = reached(), tries = 1;; tries++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      failures = reached() > best ? 1 : failures + 1;
      best = Math.max(best, reached());
      if (failures > retries || tries === MAX_TRIES) {
        const times = tries === MAX_TRIES
          ? ` after ${MAX_TRIES} connections, last error`
          : failures === 1
          ? ""
          : ` ${failures} times in a row, last error`;
        throw fail(`${task} failed${times}: ${error.message}`, error);
      }
      const backoff_ms = Math.min(pause_ms * 2 ** (failures - 1), MAX_BACKOFF_MS);
      const wait_ms = Math.min(error.wait_ms ?? backoff_ms, MAX_WAIT_MS);
      log?.(`${task}: ${error.message}; trying again in ${Math.ceil(wait_ms / 1000)} s`);
      await wait(wait_ms, signal);
    }
  }
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** At most this many first bytes of an answer. The rest is not fetched. */
export async function firstBytes(
  response: Response,
  max_bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part.subarray(0, max_bytes - length));
    length += parts.at(-1)!.length;
    if (length === max_bytes) break;
  }
  return Buffer.concat(parts);
}

/** The beginning of an answer as text: its message, where a server may send a page or never stop. */
export async function firstText(response: Response, max_bytes = 1 << 16): Promise<string> {
  return new TextDecoder().decode(await firstBytes(response, max_bytes));
}
