/**
 * The mixture as it is drawn, reported while a phase goes on.
 *
 * @module
 */
import type { Sequence } from "../batches/mod.ts";

/** A phase tells of its draws so often, beside its validations. */
const REPORTS = 100;

/**
 * Counts the tokens that sequences of each source held since the last report, as `drawn_tokens/SOURCE`. Of a phase that
 * was resumed, counting begins where it goes on.
 */
export class DrawnTokens {
  #drawn = new Map<string, number>();
  #steps = 0;

  /** @param steps of the phase. */
  constructor(private readonly steps: number) {}

  add(sequences: readonly Sequence[]): void {
    this.#steps++;
    for (const { source, tokens } of sequences) {
      this.#drawn.set(source, (this.#drawn.get(source) ?? 0) + tokens.length - 1);
    }
  }

  /** What is to be reported now: nothing most of the time. */
  take(is_last: boolean): Record<string, number> {
    if (!is_last && this.#steps < this.steps / REPORTS) return {};
    const report = [...this.#drawn].map(([source, tokens]) => [`drawn_tokens/${source}`, tokens]);
    this.#drawn = new Map();
    this.#steps = 0;
    return Object.fromEntries(report);
  }
}
