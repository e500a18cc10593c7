/**
 * Requests that are tried again.
 *
 * @module
 */
import { StorageError } from "./storage.ts";

/** A failure that may be gone at the next try. */
export class PassingError extends Error {
  /** @param wait_ms how long the server asks to wait, if it does. */
  constructor(message: string, readonly wait_ms?: number) {
    super(message);
  }
}

export interface RetryOptions {
  /** Tries after a failed one that got no further, before giving up. */
  readonly retries: number;
  /** Waits after the first failure; twice as long after each further one. */
  readonly pause_ms: number;
  /** Told in one line what is tried again. */
  readonly log: (message: string) => void;
}

const MAX_PAUSE_MS = 60_000;

/**
 * Runs something until it succeeds.
 *
 * @param task for messages: "reading x".
 * @param reached bytes gained so far. Only failures in a row that gained none count.
 * @throws {StorageError} after the last try; whatever else `attempt` throws, at once.
 */
export async function retrying<T>(
  task: string,
  { retries, pause_ms, log }: RetryOptions,
  attempt: () => Promise<T>,
  reached: () => number = () => 0,
): Promise<T> {
  for (let failures = 0, best = reached();;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PassingError)) throw error;
      failures = reached() > best ? 1 : failures + 1;
      best = Math.max(best, reached());
      if (failures > retries) {
        throw new StorageError(`${task} failed ${failures} times, at last: ${error.message}`);
      }
      const wait_ms = Math.min(error.wait_ms ?? pause_ms * 2 ** (failures - 1), MAX_PAUSE_MS);
      log(`${task}: ${error.message}; trying again`);
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }
}
