/**
 * What a run drew before its data last started over: it is read again, and counts as repeated.
 *
 * @module
 */
import { type MixturePiece, MixtureSchedule } from "../batches/mod.ts";
import { counted, formatNumber } from "../words/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import type { Lineage } from "./lineage.ts";

type Counts = Readonly<Record<string, number>>;

/** Sequences by source. */
export interface DrawnBefore {
  /** All of them. */
  readonly all: Counts;
  /** The most between two restarts: so many at the beginning of the source's order, if all had the same. */
  readonly longest: Counts;
}

/** Counts what the phases before the last restart of the data drew, from the run's lineage. */
export function drawnBefore(
  { lineage = [], data_start_step = 0, global_batch_size }: Pick<
    TrainerState,
    "lineage" | "data_start_step" | "global_batch_size"
  >,
): DrawnBefore {
  const all: Record<string, number> = {}, longest: Record<string, number> = {};
  const before = lineage.filter(({ from_step }) => from_step < data_start_step);
  for (const phases of betweenRestarts(before)) {
    const sequences = (phases.at(-1)!.to_step - phases[0].from_step) * global_batch_size;
    const drawn = new MixtureSchedule(piecesOf(phases)).drawn(sequences);
    for (const [source, count] of Object.entries(drawn)) {
      all[source] = (all[source] ?? 0) + count;
      longest[source] = Math.max(longest[source] ?? 0, count);
    }
  }
  return { all, longest };
}

/** Phases on mixtures, in lists that each begin where the data did. */
function betweenRestarts(lineage: Lineage): Lineage[] {
  const lists: Lineage[] = [];
  for (const phase of lineage.filter(({ mixture }) => mixture.length > 0)) {
    const starts = lists.length === 0 || phase.branch?.data === "restart";
    if (starts) lists.push([phase]);
    else lists.at(-1)!.push(phase);
  }
  return lists;
}

/** The pieces of consecutive phases; one that lasts through several is listed by each. */
function piecesOf(phases: Lineage): MixturePiece[] {
  const pieces = phases.flatMap(({ mixture }) => mixture);
  return [...new Map(pieces.map((piece) => [piece.from, piece])).values()];
}

/**
 * A line for a phase with which the data start over: how much of what it draws has been drawn before.
 *
 * @param drawn sequences by source that the phase draws.
 * @param reordered whether the order is another one than before, so that not even the phase knows which of them repeat.
 * @returns no line if nothing was drawn before.
 */
export function describeRestart(
  { all, longest }: DrawnBefore,
  drawn: Counts,
  { sequence_length, reordered }: {
    readonly sequence_length: number;
    readonly reordered: boolean;
  },
): string[] {
  const tokens = (sequences: number) => formatNumber(sequences * sequence_length);
  const parts = Object.entries(drawn).filter(([source]) => all[source] > 0).map(
    ([source, count]) => {
      const drawing = `${counted(count * sequence_length, "token")} of "${source}"`;
      return reordered
        ? `${drawing}, of which ${tokens(all[source])} were drawn before, in another order`
        : `of ${drawing} ${tokens(Math.min(count, longest[source]))} are repeated`;
    },
  );
  return parts.length === 0 ? [] : [`the data start over: ${parts.join("; ")}`];
}
