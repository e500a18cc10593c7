/**
 * Work on several threads at once: whole micro-batches side by side, instead of the threads of one session, which wait
 * for each other at every operator.
 *
 * @module
 */
import { SessionCache } from "../compile.ts";
import type { SessionOptions } from "../compute.ts";
import { RemoteThread } from "./remote_thread.ts";

/** How {@linkcode SessionPool.each} treats its items. */
export interface Work<T, R> {
  /** Computes an item with the sessions of one thread. */
  compute(item: T, sessions: SessionCache, index: number): Promise<R>;
  /** Called with the results in the order of the items, whichever is ready first. */
  take(result: R, index: number): void;
  /** When aborted, no further item is begun. */
  signal?: AbortSignal;
}

/** Threads with sessions of their own. */
export class SessionPool {
  /**
   * @param members the sessions of each thread.
   * @param in_workers whether those threads are workers, and not this thread alone.
   * @param close ends the workers.
   */
  constructor(
    readonly members: readonly SessionCache[],
    readonly in_workers: boolean,
    private readonly close: () => void = () => {},
  ) {}

  /**
   * Starts workers of one thread each; with 0, the pool is this thread, whose sessions have all the threads of the
   * options.
   */
  static open(options: SessionOptions, workers: number): SessionPool {
    if (workers === 0) return new SessionPool([new SessionCache(options)], false);
    const threads = Array.from({ length: workers }, (_, i) => new RemoteThread(`worker ${i}`));
    const one = { ...options, threads: 1 };
    return new SessionPool(
      threads.map((thread) => new SessionCache(one, (...args) => thread.compile(...args))),
      true,
      () => threads.forEach((thread) => thread.close()),
    );
  }

  /** Number of items that are computed at the same time. */
  get size(): number {
    return this.members.length;
  }

  /** Most items that are begun and not taken: one more than members, so that a slow one does not stop the others. */
  get max_begun(): number {
    return this.size === 1 ? 1 : this.size + 1;
  }

  /**
   * Computes items, each on the first member that is free, and takes their results in order; so nothing depends on which
   * member is faster.
   *
   * @throws what the first item that failed threw, or the signal's reason, when what was begun has ended.
   */
  async each<T, R>(items: readonly T[], { compute, take, signal }: Work<T, R>): Promise<void> {
    const results = new Map<number, R>();
    const failed = new Map<number, unknown>();
    let begun = 0, taken = 0;
    let changed = Promise.withResolvers<void>();
    const tell = () => {
      changed.resolve();
      changed = Promise.withResolvers();
    };
    const work = async (member: SessionCache) => {
      while (begun < items.length && failed.size === 0 && !signal?.aborted) {
        if (begun - taken >= this.max_begun) {
          await changed.promise;
          continue;
        }
        const index = begun++;
        try {
          results.set(index, await compute(items[index], member, index));
          for (; results.has(taken); results.delete(taken++)) take(results.get(taken)!, taken);
        } catch (error) {
          failed.set(index, error);
        }
        tell();
      }
    };
    await Promise.all(this.members.map(work));
    if (failed.size > 0) throw failed.get(Math.min(...failed.keys()));
    if (taken < items.length) signal!.throwIfAborted();
  }

  /** Releases the sessions and ends the threads. */
  async release(): Promise<void> {
    try {
      await Promise.all(this.members.map((sessions) => sessions.release()));
    } finally {
      this.close();
    }
  }
}
