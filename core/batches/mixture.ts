/**
 * Drawing packed sequences from several sources, and the ledger of what was drawn.
 *
 * @module
 */
import { requireInteger } from "../config/mod.ts";
import { permute, Random } from "../random/mod.ts";
import type { Batch, ports } from "../stage/mod.ts";
import { counted, formatNumber } from "../words/mod.ts";
import { meanShare, type MixturePiece, MixtureSchedule, sourcesOf } from "./mixture_schedule.ts";
import type { Sampler, Sequence } from "./batch.ts";
import type { PackedSet } from "./packing.ts";

export interface MixtureOptions {
  /** The packed sources by name. */
  readonly sets: ReadonlyMap<string, PackedSet>;
  /** Mixtures of the whole run, phases before this one included: weights are shares of tokens. */
  readonly pieces: readonly MixturePiece[];
  /** Sequences per optimizer step, over all micro-batches and ranks. */
  readonly global_batch_size: number;
  /** Must be the same in all phases of a training run, or a later phase repeats what an earlier one saw. */
  readonly seed: number;
  /** Optimizer step of the run at which this phase begins. */
  readonly first_step: number;
  /** Steps of this phase. */
  readonly steps: number;
  /** Whether sources may be read more than once: all, none, or those named. */
  readonly allow_repeat: boolean | readonly string[];
  /** Sequences by source that the run drew before its data started over; they count in `LedgerRow.epochs` only. */
  readonly drawn_before?: Readonly<Record<string, number>>;
}

/**
 * Draws packed sequences at given shares, without state: any step's batch is computed directly from (seed, step).
 *
 * A source is read in a random order of all its sequences that depends on the seed, the source and the epoch, not on the
 * phase or the mixture. A phase continues where its parents stopped, so no phase repeats what another has seen, whatever
 * the weights; and steps are counted over the whole run, so a run draws the same however it is cut into phases.
 */
export class MixtureSampler implements Sampler {
  readonly schedule: MixtureSchedule;
  readonly #options: MixtureOptions;

  /**
   * @throws {Error} when a source is unknown or shorter than one sequence, or, unless `allow_repeat`, would have to be
   *   read twice before the phase ends.
   */
  constructor(options: MixtureOptions) {
    requireInteger("global_batch_size", options.global_batch_size, 1);
    requireInteger("steps", options.steps, 0);
    requireInteger("first_step", options.first_step, 0);
    this.#options = options;
    this.schedule = new MixtureSchedule(options.pieces);
    this.#checkSources();
    this.#checkRepeats();
  }

  /**
   * The sequences of one step.
   *
   * @param step counted from 0 within the phase.
   * @returns `global_batch_size` sequences.
   */
  batch(step: number): Sequence[] {
    const { steps, seed, first_step } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= steps) {
      throw new RangeError(`the phase has ${steps} steps; there is no step ${step}`);
    }
    const picks = new Random(seed, "mixture", first_step + step).shuffle(this.#picks(step));
    return picks.map(({ source, place }) => {
      return this.#set(source).sequence(this.sequenceAt(source, place));
    });
  }

  /** Sequences drawn by source after `steps` steps of this phase, those of parent phases included. */
  drawnAfter(steps: number): Record<string, number> {
    const { first_step, global_batch_size } = this.#options;
    return this.schedule.drawn((first_step + steps) * global_batch_size);
  }

  /** Index of the sequence at a place of a source's reading order, which has no end. */
  sequenceAt(source: string, place: number): number {
    const { sequence_count: count } = this.#set(source);
    const epoch = Math.floor(place / count);
    return permute(place % count, count, this.#options.seed, `source/${source}`, epoch);
  }

  /** The sequences of a step by source and place in the source's reading order, before they are shuffled. */
  #picks(step: number): { readonly source: string; readonly place: number }[] {
    const from = this.drawnAfter(step), to = this.drawnAfter(step + 1);
    return Object.keys(to).flatMap((source) => {
      const before = from[source] ?? 0;
      return Array.from({ length: to[source] - before }, (_, i) => ({ source, place: before + i }));
    });
  }

  /**
   * Counts what sequences [from, to) of the run draw. Tokens are exact and exclude padding.
   *
   * @returns one row for each stretch and source, in order.
   */
  ledger(from: number, to: number): LedgerRow[] {
    const { drawn_before = {} } = this.#options;
    return this.schedule.within(from, to).flatMap(({ piece, from, to }) => {
      const before = this.schedule.drawn(from), after = this.schedule.drawn(to);
      const rows = sourcesOf([piece]).map((source) => {
        const set = this.#set(source);
        const [start, end] = [before[source] ?? 0, after[source] ?? 0];
        return {
          from,
          to,
          source,
          requested_share: meanShare(piece, source, from - piece.from, to - piece.from),
          tokens: this.#tokensBetween(set, start, end),
          available_tokens: set.tokens,
          phase_epochs: (end - start) / set.sequence_count,
          epochs: (end + (drawn_before[source] ?? 0)) / set.sequence_count,
        };
      });
      const total = rows.reduce((sum, { tokens }) => sum + tokens, 0);
      return rows.map((row) => ({ ...row, achieved_share: total === 0 ? 0 : row.tokens / total }));
    });
  }

  #tokensBetween(set: PackedSet, start: number, end: number): number {
    if (set.uniform_tokens !== undefined) return (end - start) * set.uniform_tokens;
    let tokens = 0;
    for (let place = start; place < end; place++) {
      tokens += set.sequenceTokens(this.sequenceAt(set.name, place));
    }
    return tokens;
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
          `the mixture names the source "${source}", but the training inputs have no tokens of it, only of ` +
            `${
              [...sets.keys()].sort().map((name) => `"${name}"`).join(", ")
            }; correct the name, or ` +
            "check that not all of its documents are held out",
        );
      }
      if (set.sequence_count === 0) {
        throw new Error(
          `source "${source}" has ${
            counted(set.source_tokens, "token")
          }, less than one sequence; ` +
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
      const available = sets.get(source)?.sequence_count ?? Infinity;
      return !allowed && end[source] > available && end[source] > (start[source] ?? 0);
    }).map((source) => {
      const [set, before] = [this.#set(source), start[source] ?? 0];
      const tokens = (sequences: number) => Math.round(sequences * set.tokens / set.sequence_count);
      const used = before > 0
        ? ` (${formatNumber(tokens(before))} of them already used by earlier phases)`
        : "";
      return `"${source}" needs ${counted(tokens(end[source]), "token")}${used} and has ${
        formatNumber(set.tokens)
      }`;
    });
    if (short.length > 0) {
      throw new Error(
        `${counted(steps, "step")} would repeat data: ${
          short.join("; ")
        }; train for fewer steps, change the ` +
          "weights, add documents or set allow_repeat",
      );
    }
  }
}

type Ledger = Batch<typeof ports.mixture_ledger.columns>;

/** One source in one stretch of constant or linearly moving weights. */
export interface LedgerRow {
  /** Sequences of the run between which the stretch lasts. */
  readonly from: number;
  readonly to: number;
  readonly source: string;
  readonly requested_share: number;
  readonly achieved_share: number;
  readonly tokens: number;
  readonly available_tokens: number;
  /** Passes over the source within the stretch. */
  readonly phase_epochs: number;
  /** Passes over the source since the run began: above 1, documents were repeated. */
  readonly epochs: number;
}

/** The ledger as a table; `from` and `to` in tokens of the run. */
export function ledgerTable(rows: readonly LedgerRow[], sequence_length: number): Ledger {
  const numbers = (value: (row: LedgerRow) => number) => Float64Array.from(rows, value);
  return {
    from_token: numbers(({ from }) => from * sequence_length),
    to_token: numbers(({ to }) => to * sequence_length),
    source: rows.map(({ source }) => source),
    requested_share: numbers((row) => row.requested_share),
    achieved_share: numbers((row) => row.achieved_share),
    tokens: numbers((row) => row.tokens),
    available_tokens: numbers((row) => row.available_tokens),
    phase_epochs: numbers((row) => row.phase_epochs),
    epochs: numbers((row) => row.epochs),
  };
}

/** The plan in words, a line for each row: tokens needed and tokens available. */
export function describePlan(rows: readonly LedgerRow[], sequence_length: number): string[] {
  const count = (tokens: number) => formatNumber(Math.round(tokens));
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  return rows.map((row) => {
    const span = `tokens ${count(row.from * sequence_length)} to ${
      count(row.to * sequence_length)
    }`;
    const needed = counted(Math.round(row.tokens), "token");
    return `${span}: ${percent(row.requested_share)} from ${row.source} (${needed} needed, ` +
      `${count(row.available_tokens)} available, ${row.epochs.toFixed(2)} epochs by then)`;
  });
}
