/**
 * The mixture of a training run over its sequences: which source gives how many of the first n.
 *
 * @module
 */

/** A stretch of a run with one mixture, or with one that moves linearly from one to another. */
export interface MixturePiece {
  /** Sequence of the run, counted from 0, with which it begins. It lasts until the next piece begins. */
  readonly from: number;
  /** Share of tokens by source at its beginning; they sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** Where shares move: the sequence at which they reach `to`, and what they are then. */
  readonly until?: number;
  readonly to?: Readonly<Record<string, number>>;
}

/** What a config says of a mixture from a place on. */
export interface MixturePoint {
  /** Input tokens of the phase after which these weights hold. */
  readonly after_tokens: number;
  /** Share of tokens by source; scaled to sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** `switch`: they hold from there on; `linear`: they are reached there, from the point before. */
  readonly change: "switch" | "linear";
}

/** A mixture as a config gives it: weights that stay, or points along the phase. */
export type MixtureConfig = Readonly<Record<string, number>> | readonly MixturePoint[];

/** A stretch of constant shares, with what has been counted before it. */
interface Stretch {
  readonly from: number;
  /** [sources]; share of a source among itself and those after it, w_k / Σ_{j >= k} w_j. */
  readonly ratios: Float64Array;
  /** [sources]; sequences that each source has given before. */
  readonly counts: Float64Array;
  /** [sources]; what rounding has left over so far, in [0, 1). */
  readonly carry: Float64Array;
}

/** Parts that a mixture which moves is cut into at most; each has the shares of its middle. */
const MAX_PARTS = 1024;

/**
 * Counts the sequences that sources give.
 *
 * Whole numbers come from shares by nested rounding over the sources in the order of their names: of the r sequences
 * of a stretch that the sources before k left,
 *
 *     Q_k = floor(w_k / Σ_{j >= k} w_j · r + carry_k)
 *
 * so that the counts sum to the total, and none falls as the total grows: with r, both Q_k and what it leaves rise by
 * 0 or 1. The fraction that is left at the end of a stretch is carried into the next one, so that nothing is lost
 * however often the mixture changes.
 */
export class MixtureSchedule {
  /** Every source of any piece, sorted. */
  readonly sources: readonly string[];
  readonly #stretches: Stretch[] = [];

  /**
   * @param pieces by `from`, ascending; the first begins at 0.
   * @throws {Error} when it does not.
   */
  constructor(readonly pieces: readonly MixturePiece[]) {
    if (pieces.length === 0 || pieces[0].from !== 0) {
      throw new Error("a mixture must begin with the first sequence");
    }
    this.sources = sourcesOf(pieces);
    const parts = pieces.flatMap((piece, p) =>
      constantParts(piece, pieces[p + 1]?.from ?? Infinity)
    );
    for (const { from, shares } of parts) {
      const before = this.#stretches.at(-1);
      const start = before ? advance(before, from - before.from) : {
        counts: new Float64Array(this.sources.length),
        carry: new Float64Array(this.sources.length).fill(0.5),
      };
      this.#stretches.push({ from, ratios: nestedRatios(this.sources, shares), ...start });
    }
  }

  /** Sequences that each source has given among the first `total` of the run. Sources that gave none are left out. */
  drawn(total: number): Record<string, number> {
    const stretch = this.#stretchAt(total);
    const { counts } = advance(stretch, total - stretch.from);
    const given = this.sources.map((source, k) => [source, counts[k]] as const);
    return Object.fromEntries(given.filter(([, count]) => count > 0));
  }

  /** The last stretch that begins at or before a sequence. */
  #stretchAt(sequence: number): Stretch {
    let [low, high] = [0, this.#stretches.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#stretches[middle].from <= sequence) low = middle;
      else high = middle - 1;
    }
    return this.#stretches[low];
  }

  /** The parts of the pieces that lie in [from, to). */
  within(from: number, to: number): { piece: MixturePiece; from: number; to: number }[] {
    return this.pieces.flatMap((piece, p) => {
      const end = this.pieces[p + 1]?.from ?? Infinity;
      const part = { piece, from: Math.max(from, piece.from), to: Math.min(to, end) };
      return part.from < part.to ? [part] : [];
    });
  }
}

/** Every source that pieces name with a share above 0, sorted. */
export function sourcesOf(pieces: readonly MixturePiece[]): string[] {
  const names = pieces.flatMap(({ weights, to = {} }) => {
    return [...Object.entries(weights), ...Object.entries(to)];
  }).filter(([, weight]) => weight > 0).map(([source]) => source);
  return [...new Set(names)].sort();
}

/** Mean share of a source between two sequences of a piece, counted from the piece's beginning. */
export function meanShare(piece: MixturePiece, source: string, from: number, to: number): number {
  const a = piece.weights[source] ?? 0;
  if (piece.to === undefined) return a;
  // Of a linear function the mean is the value in the middle.
  const middle = (from + to) / 2 / (piece.until! - piece.from);
  return a + ((piece.to[source] ?? 0) - a) * middle;
}

type Part = { from: number; shares: Readonly<Record<string, number>> };

/** A piece as stretches of constant shares. @param end the sequence with which the next piece begins. */
function constantParts(piece: MixturePiece, end: number): Part[] {
  if (piece.until === undefined) return [{ from: piece.from, shares: piece.weights }];
  const length = piece.until - piece.from;
  const count = Math.min(length, MAX_PARTS);
  const parts: Part[] = [];
  for (let i = 0; i < count; i++) {
    const [start, stop] = [i, i + 1].map((n) => Math.round((n * length) / count));
    if (piece.from + start >= end) break;
    const shares = sourcesOf([piece]).map((
      source,
    ) => [source, meanShare(piece, source, start, stop)]);
    parts.push({ from: piece.from + start, shares: Object.fromEntries(shares) });
  }
  return parts;
}

function nestedRatios(
  sources: readonly string[],
  shares: Readonly<Record<string, number>>,
): Float64Array {
  const ratios = new Float64Array(sources.length);
  let suffix = 0;
  for (let k = sources.length - 1; k >= 0; k--) {
    const share = shares[sources[k]] ?? 0;
    suffix += share;
    // The last source of a stretch has ratio 1 and takes what is left.
    ratios[k] = share === 0 ? 0 : share / suffix;
    // A ratio that differs from 1 by less than rounding could make a count fall.
    if (ratios[k] > 1 - 1e-9) ratios[k] = 1;
  }
  return ratios;
}

/** Counts and carries after `n` sequences of a stretch. */
function advance({ ratios, counts, carry }: Stretch, n: number): Pick<Stretch, "counts" | "carry"> {
  const after = { counts: counts.slice(), carry: carry.slice() };
  let left = n;
  for (let k = 0; k < ratios.length; k++) {
    // A source that takes all that is left leaves its carry as it is: left + carry could round up to one too many.
    const exact = ratios[k] === 1 ? left : ratios[k] * left + carry[k];
    const given = Math.floor(exact);
    after.counts[k] += given;
    if (ratios[k] !== 1) after.carry[k] = exact - given;
    left -= given;
  }
  return after;
}
