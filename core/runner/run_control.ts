/**
 * Pausing and stopping a run from outside.
 *
 * @module
 */

/** Whether steps have to wait, and notification of changes. */
export interface PauseGate {
  readonly paused: boolean;
  /**
   * Calls the listener at every change.
   *
   * @returns a function that removes the listener.
   */
  onChange(listener: () => void): () => void;
}

/** Controls a run from outside. */
export class RunControl implements PauseGate {
  readonly #listeners = new Set<() => void>();
  #paused = false;
  /** Set by the runner once the run has an id; undefined before and after. */
  run?: string;
  /** Set by the runner: writes to the log that the run is stopped, before the process ends at once. */
  noteStop?: (message: string) => void;

  get paused(): boolean {
    return this.#paused;
  }

  /** Makes running steps wait when they next report or write, and starts no other. */
  pause(): void {
    this.#set(true);
  }

  resume(): void {
    this.#set(false);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Waits until the gate is open, or the signal is aborted. */
export async function opened(gate: PauseGate, signal: AbortSignal): Promise<void> {
  const aborted = waitFor((done) => {
    signal.addEventListener("abort", done);
    return () => signal.removeEventListener("abort", done);
  });
  while (gate.paused && !signal.aborted) {
    const changed = waitFor((done) => gate.onChange(done));
    await Promise.race([changed.promise, aborted.promise]);
    changed.cancel();
  }
  aborted.cancel();
}

/**
 * A promise for the next call of a listener.
 *
 * @param listen adds the listener; returns a function that removes it.
 */
export function waitFor(listen: (done: () => void) => () => void) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, cancel: listen(resolve) };
}
