/**
 * Progress of a benchmark on standard error.
 *
 * @module
 */

/** Prints lines with the time left, which it takes from the time that the work done so far has taken. */
export class Progress {
  readonly #start = performance.now();
  #done = 0;

  /** @param total amount of work, in any unit. */
  constructor(readonly total: number) {}

  /** Says what is about to happen. */
  say(text: string): void {
    const elapsed = performance.now() - this.#start;
    const left = this.#done === 0
      ? ""
      : `, ${minutes(elapsed / this.#done * (this.total - this.#done))} left`;
    console.error(`[${minutes(elapsed)}${left}] ${text}`);
  }

  get done(): number {
    return this.#done;
  }

  /** Counts work as done. */
  add(work: number): void {
    this.reach(this.#done + work);
  }

  /** Sets how much is done, where more or less was done than planned. */
  reach(done: number): void {
    this.#done = Math.min(this.total, done);
  }
}

/** 65 s: "1:05". */
export function minutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
