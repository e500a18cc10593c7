/**
 * Long work that lets other work in: a thread that never waits gets no message and no signal, and nothing can stop it.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";

/** Loops hold the thread no longer than this. */
const TURN_MS = 50;

/** When others are let in next: one time for the whole thread, since each of many loops may be short. */
let next = performance.now() + TURN_MS;

/** Lets others in now and then. */
export class Turns {
  constructor(readonly signal?: AbortSignal) {}

  /**
   * For loops, in every round: waits, every 50 ms, until timers, messages and signals have been served.
   *
   * @throws {unknown} the signal's reason once it is aborted.
   */
  turn(): Promise<void> | undefined {
    return performance.now() < next ? undefined : this.#wait();
  }

  async #wait(): Promise<void> {
    // Not setTimeout, which waits for milliseconds when called repeatedly.
    await setImmediate();
    next = performance.now() + TURN_MS;
    this.signal?.throwIfAborted();
  }
}

/** Work in pieces, between which others may be let in. */
export type Pieces<T> = Generator<undefined, T>;

/** Does all pieces without letting anyone in, for callers that cannot wait. */
export function atOnce<T>(work: Pieces<T>): T {
  let piece = work.next();
  while (!piece.done) piece = work.next();
  return piece.value;
}

/** Does the pieces and lets others in between them. @throws {unknown} the signal's reason once it is aborted. */
export async function inTurns<T>(work: Pieces<T>, signal?: AbortSignal): Promise<T> {
  const turns = new Turns(signal);
  let piece = work.next();
  while (!piece.done) {
    await turns.turn();
    piece = work.next();
  }
  return piece.value;
}
