/**
 * Drawing packed sequences from several sources.
 *
 * @module
 */
import { permute, Random } from "../random/mod.ts";
import { type MixturePiece, MixtureSchedule, sourcesOf } from "./mixture_schedule.ts";
import type { PackedSet } from "./packing.ts";
import type { Sequence } from "./sequence.ts";

export interface MixtureOptions {
  /** The packed sources by name. */
  readonly sets: ReadonlyMap<string, PackedSet>;
  /** Mixtures of the whole run, phases before this one included: weights are shares of tokens. */
  readonly pieces: readonly MixturePiece[];
  /** Sequences per optimizer step, over all micro-batches and ranks. */
  readonly global_batch_size: number;
  /** Must be the same in all phases of a training run, or a later phase repeats what an earlier one saw. */
  readonly seed: number;
  /** Optimizer step of the run with which this phase begins. */
  readonly first_step: number;
  /** Steps of this phase. */
  readonly steps: number;
  /** Whether sources may be read more than once: all, none, or those named. */
  readonly allow_repeat: boolean | readonly string[];
}

/** One of `of` equal parts of a batch: what one of several workers computes. */
export interface BatchPart {
  readonly index: number;
  readonly of: number;
}

/** A sequence by its source and its place in the source's reading order. */
interface Pick {
  readonly source: string;
  readonly place: number;
}

/**
 * Draws packed sequences at given shares, without state: any step's batch is computed directly from (seed, step).
 *
 * A source is read in a random order of all its blocks that depends on the seed, the source and the epoch, not on the
 * phase or the mixture. A phase goes on where its parents stopped, so what one phase has seen no other repeats,
 * whatever the weights; and steps are counted over the whole run, so that a run draws the same however it is cut into
 * phases.
 */
export class MixtureSampler {
  readonly schedule: MixtureSchedule;
  readonly #options: MixtureOptions;

  /**
   * @throws {Error} when a source is unknown or shorter than one sequence, or, unless `allow_repeat`, would have to be
   *   read twice before the phase ends.
   */
  constructor(options: MixtureOptions) {
    requireCount("global_batch_size", options.global_batch_size, 1);
    requireCount("steps", options.steps, 0);
    requireCount("first_step", options.first_step, 0);
    this.#options = options;
    this.schedule = new MixtureSchedule(options.pieces);
    this.#checkSources();
    this.#checkRepeats();
  }

  /**
   * The sequences of one step.
   *
   * @param step counted from 0 within the phase.
   * @param part which part of the batch; all by default. The parts of a batch, one after the other, are the batch.
   * @returns `global_batch_size` sequences.
   */
  batch(step: number, part: BatchPart = { index: 0, of: 1 }): Sequence[] {
    const { steps, global_batch_size, seed, first_step } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= steps) {
      throw new RangeError(`step ${step} is not one of the ${steps} steps of this phase`);
    }
    const picks = new Random(seed, "mixture", first_step + step).shuffle(this.#picks(step));
    const [from, to] = [part.index, part.index + 1].map((i) =>
      Math.floor((i * global_batch_size) / part.of)
    );
    return picks.slice(from, to).map(({ source, place }) => {
      return this.#set(source).block(this.blockAt(source, place));
    });
  }

  /** Sequences drawn by source after `steps` steps of this phase, those of parent phases included. */
  drawnAfter(steps: number): Record<string, number> {
    const { first_step, global_batch_size } = this.#options;
    return this.schedule.drawn((first_step + steps) * global_batch_size);
  }

  /** The block that a source gives at a place of its endless reading order. */
  blockAt(source: string, place: number): number {
    const { blocks } = this.#set(source);
    const epoch = Math.floor(place / blocks);
    return permute(place % blocks, blocks, this.#options.seed, `source/${source}`, epoch);
  }

  #picks(step: number): Pick[] {
    const from = this.drawnAfter(step), to = this.drawnAfter(step + 1);
    return Object.keys(to).flatMap((source) => {
      const before = from[source] ?? 0;
      return Array.from({ length: to[source] - before }, (_, i) => ({ source, place: before + i }));
    });
  }

  #set(source: string): PackedSet {
    return this.#options.sets.get(source)!;
  }

  /** Sources are needed for the pieces of this phase only. */
  #checkSources(): void {
    const { sets, first_step, steps, global_batch_size } = this.#options;
    const [from, to] = [first_step, first_step + steps].map((step) => step * global_batch_size);
    const now = sourcesOf(this.schedule.within(from, to).map(({ piece }) => piece));
    for (const source of now) {
      const set = sets.get(source);
      if (!set) {
        throw new Error(
          `the mixture names the source "${source}", which is not among its inputs: ` +
            [...sets.keys()].sort().join(", "),
        );
      }
      if (set.blocks === 0) {
        throw new Error(
          `source "${source}" has ${set.source_tokens} tokens, less than one sequence: ` +
            "add documents or lower sequence_length",
        );
      }
    }
  }

  #checkRepeats(): void {
    const { sets, steps, allow_repeat } = this.#options;
    const start = this.drawnAfter(0), end = this.drawnAfter(steps);
    const short = Object.keys(end).filter((source) => {
      const allowed = Array.isArray(allow_repeat) ? allow_repeat.includes(source) : allow_repeat;
      const blocks = sets.get(source)?.blocks ?? Infinity;
      return !allowed && end[source] > blocks && end[source] > (start[source] ?? 0);
    }).map((source) => {
      const [set, before] = [this.#set(source), start[source] ?? 0];
      const tokens = (sequences: number) => Math.round(sequences * set.tokens / set.blocks);
      const used = before > 0 ? ` (${tokens(before)} of them already used by earlier phases)` : "";
      return `"${source}" needs ${tokens(end[source])} tokens${used} and has ${set.tokens}`;
    });
    if (short.length > 0) {
      throw new Error(
        `${steps} steps would repeat data: ${short.join("; ")}. ` +
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
