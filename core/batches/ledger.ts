/**
 * What a mixture needs before a phase, and what it gave afterwards.
 *
 * @module
 */
import type { Batch, ports } from "../stage/mod.ts";
import type { MixtureSampler } from "./mixture.ts";
import { meanShare, sourcesOf } from "./mixture_schedule.ts";
import type { PackedSet } from "./packing.ts";

type Ledger = Batch<typeof ports.mixture_ledger.columns>;

/** One source in one stretch of constant or linearly moving weights. */
export interface LedgerRow {
  /** Sequences of the run that the stretch lasts from and to. */
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

/**
 * Counts what the sequences [from, to) of a run draw. Tokens are exact: those of the very sequences, without padding.
 *
 * @param sets the packed sources.
 * @returns one row for each stretch and source, in order.
 */
export function mixtureLedger(
  sampler: MixtureSampler,
  sets: ReadonlyMap<string, PackedSet>,
  from: number,
  to: number,
): LedgerRow[] {
  return sampler.schedule.within(from, to).flatMap((part) => {
    const { piece } = part;
    const before = sampler.schedule.drawn(part.from), after = sampler.schedule.drawn(part.to);
    const rows = sourcesOf([piece]).map((source) => {
      const set = sets.get(source)!;
      const [start, end] = [before[source] ?? 0, after[source] ?? 0];
      return {
        from: part.from,
        to: part.to,
        source,
        requested_share: meanShare(piece, source, part.from - piece.from, part.to - piece.from),
        tokens: tokensBetween(sampler, set, start, end),
        available_tokens: set.tokens,
        phase_epochs: (end - start) / set.blocks,
        epochs: end / set.blocks,
      };
    });
    const total = rows.reduce((sum, { tokens }) => sum + tokens, 0);
    return rows.map((row) => ({ ...row, achieved_share: total === 0 ? 0 : row.tokens / total }));
  });
}

function tokensBetween(sampler: MixtureSampler, set: PackedSet, start: number, end: number) {
  if (set.uniform_tokens !== undefined) return (end - start) * set.uniform_tokens;
  let tokens = 0;
  for (let place = start; place < end; place++) {
    tokens += set.blockTokens(sampler.blockAt(set.name, place));
  }
  return tokens;
}

/** The ledger as a table; places are in tokens of the run. */
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

/** The plan in words, one line a row: what is needed and what there is. */
export function describePlan(rows: readonly LedgerRow[], sequence_length: number): string[] {
  const count = (tokens: number) => Math.round(tokens).toLocaleString("en");
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  return rows.map((row) => {
    const span = `tokens ${count(row.from * sequence_length)} to ${
      count(row.to * sequence_length)
    }`;
    return `${span}: ${percent(row.requested_share)} ${row.source}, ${count(row.tokens)} of ` +
      `${count(row.available_tokens)} tokens, ${row.epochs.toFixed(2)} epochs in all`;
  });
}
