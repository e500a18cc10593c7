/**
 * Training speed in tokens per second: now, and on average.
 *
 * @module
 */

/** Milliseconds that "now" looks back: a single step jumps with everything else the machine does. */
const WINDOW_MS = 5000;

/** Counts tokens as they are trained on. */
export class Speed {
  /** The ends of recent steps, with the tokens trained on by then; the first is the start or before the window. */
  readonly #recent: { time: number; tokens: number }[];
  readonly #start: number;
  #tokens = 0;

  /** @param now in milliseconds. */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.#start = now();
    this.#recent = [{ time: this.#start, tokens: 0 }];
  }

  /**
   * Adds the tokens of a step that just ended.
   *
   * @returns tokens per second over the last seconds, and since the start, validation and checkpoints included.
   */
  add(tokens: number): { tokens_per_second: number; mean_tokens_per_second: number } {
    const time = this.now();
    this.#tokens += tokens;
    this.#recent.push({ time, tokens: this.#tokens });
    while (this.#recent.length > 2 && this.#recent[1].time <= time - WINDOW_MS) {
      this.#recent.shift();
    }
    const [from] = this.#recent;
    return {
      tokens_per_second: perSecond(this.#tokens - from.tokens, time - from.time),
      mean_tokens_per_second: perSecond(this.#tokens, time - this.#start),
    };
  }
}

const perSecond = (tokens: number, ms: number) => tokens / Math.max(ms, 1e-3) * 1000;
