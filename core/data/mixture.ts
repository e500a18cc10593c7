import { permute, Random } from "../random/mod.ts";
import type { Batch, ports } from "../stage/mod.ts";
import { cumulativeQuota, normaliseWeights, type Share } from "./quota.ts";
import { packedBlock, packedBlocks, type Sequence } from "./sequence.ts";
import type { TokenSet } from "./token_set.ts";

export interface MixtureOptions {
  readonly sets: ReadonlyMap<string, TokenSet>;
  /** Share of tokens by source; scaled to sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** Input tokens per sequence, T. */
  readonly sequence_length: number;
  /** Sequences per optimizer step, over all micro-batches and ranks. */
  readonly global_batch_size: number;
  /** Must be the same in all phases of a training run, or a later phase repeats what an earlier one saw. */
  readonly seed: number;
  /** Name of the phase; only the order inside a batch depends on it. */
  readonly phase: string;
  /** Sequences that the parent phases drew, by source: `drawnAfter` of the parent. */
  readonly drawn: Readonly<Record<string, number>>;
  /** Whether a source may be read more than once. */
  readonly allow_repeat: boolean;
  /** Steps of this phase. */
  readonly steps: number;
}

/**
 * Draws packed sequences from several sources at fixed shares, token-exact and without state: any step's batch
 * is computed directly.
 *
 * A source is read in a random order of its blocks that depends on the seed, the source and the epoch, not on
 * the phase or the mixture. A phase goes on where its parents stopped, so what one phase has seen no other
 * repeats, whatever the weights.
 */
export class MixtureSampler {
  readonly #options: MixtureOptions;
  readonly #shares: Share[];

  /**
   * @throws {Error} when the weights do not fit the sets, a source is shorter than one sequence, or, unless
   *   `allow_repeat`, a source would have to be read twice before the phase ends.
   */
  constructor(options: MixtureOptions) {
    requireCount("sequence_length", options.sequence_length, 1);
    requireCount("global_batch_size", options.global_batch_size, 1);
    requireCount("steps", options.steps, 0);
    this.#options = options;
    this.#shares = normaliseWeights(options.weights, options.sets.keys());
    for (const [source, drawn] of Object.entries(options.drawn)) {
      requireCount(`the number of sequences drawn from "${source}"`, drawn, 0);
    }
    this.#checkSizes();
  }

  /**
   * The sequences of one step.
   *
   * @param step counted from 0 within the phase.
   * @returns `global_batch_size` sequences of `sequence_length + 1` tokens.
   */
  batch(step: number): Sequence[] {
    const { sequence_length, global_batch_size, seed, phase, steps } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= steps) {
      throw new RangeError(`step ${step} is not one of the ${steps} steps of phase "${phase}"`);
    }
    const from = cumulativeQuota(this.#shares, step * global_batch_size);
    const to = cumulativeQuota(this.#shares, (step + 1) * global_batch_size);
    const sequences = this.#shares.flatMap(({ source }, s) => {
      const before = this.#drawn(source);
      return Array.from({ length: to[s] - from[s] }, (_, i) => {
        const block = this.#block(source, before + from[s] + i);
        return packedBlock(this.#set(source), block, sequence_length);
      });
    });
    return new Random(seed, `mixture/${phase}`, step).shuffle(sequences);
  }

  /** Sequences drawn by source after `steps` steps of this phase, those of parent phases included. */
  drawnAfter(steps: number): Record<string, number> {
    const quota = cumulativeQuota(this.#shares, steps * this.#options.global_batch_size);
    const drawn = { ...this.#options.drawn };
    this.#shares.forEach(({ source }, s) => drawn[source] = this.#drawn(source) + quota[s]);
    return Object.fromEntries(Object.keys(drawn).sort().map((source) => [source, drawn[source]]));
  }

  /**
   * What the first `steps` steps of this phase drew, one row per source. `tokens` counts input tokens; `epochs`
   * counts passes over the source from the first phase on, so that a value above 1 means repetition.
   */
  ledger(steps: number): Batch<typeof ports.mixture_ledger.columns> {
    const { global_batch_size, sequence_length } = this.#options;
    const total = steps * global_batch_size;
    const quota = cumulativeQuota(this.#shares, total);
    return {
      source: this.#shares.map(({ source }) => source),
      requested_share: Float64Array.from(this.#shares, ({ share }) => share),
      achieved_share: Float64Array.from(quota, (count) => total === 0 ? 0 : count / total),
      tokens: Float64Array.from(quota, (count) => count * sequence_length),
      epochs: Float64Array.from(
        this.#shares,
        ({ source }, s) => (this.#drawn(source) + quota[s]) / this.#blocks(source),
      ),
    };
  }

  #set(source: string): TokenSet {
    return this.#options.sets.get(source)!;
  }

  #drawn(source: string): number {
    return this.#options.drawn[source] ?? 0;
  }

  #blocks(source: string): number {
    return packedBlocks(this.#set(source), this.#options.sequence_length);
  }

  /** The block a source gives at place `index` of its endless reading order. */
  #block(source: string, index: number): number {
    const blocks = this.#blocks(source);
    const epoch = Math.floor(index / blocks);
    return permute(index % blocks, blocks, this.#options.seed, `source/${source}`, epoch);
  }

  #checkSizes(): void {
    const { sequence_length, allow_repeat, steps, phase } = this.#options;
    const drawn = this.drawnAfter(steps);
    const short: string[] = [];
    for (const { source } of this.#shares) {
      const blocks = this.#blocks(source);
      if (blocks === 0) {
        throw new Error(
          `source "${source}" has ${
            this.#set(source).tokens.length
          } tokens, less than one sequence of ` +
            `${sequence_length + 1}: add documents or lower sequence_length`,
        );
      }
      if (!allow_repeat && drawn[source] > blocks) {
        const before = this.#drawn(source) * sequence_length;
        short.push(
          `"${source}" needs ${drawn[source] * sequence_length} tokens` +
            (before > 0 ? ` (${before} of them already used by earlier phases)` : "") +
            ` and has ${blocks * sequence_length}`,
        );
      }
    }
    if (short.length > 0) {
      throw new Error(
        `phase "${phase}" of ${steps} steps would repeat data: ${short.join("; ")}. ` +
          `Train for fewer steps, change the weights, add documents or set allow_repeat`,
      );
    }
  }
}

function requireCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new Error(`${name} is ${value}; it must be a whole number of at least ${least}`);
  }
}
