/**
 * The mixture of a training run over its sequences: from the configs of its phases to pieces, and from pieces to how
 * many of the first n sequences come from each source. What a single step draws is in mixture.ts.
 *
 * @module
 */

import { z } from "zod";
import { count, requireInteger } from "../config/mod.ts";
import { lastAtOrBefore } from "./arrays.ts";

/** Share of tokens by source; scaled to sum to 1. */
const weights = z.record(z.string(), z.number().nonnegative());

/**
 * Sources and their shares of the training tokens: weights that stay, or points along the phase, between which a
 * mixture stays the same or moves linearly.
 */
export const mixture_schema = z.union([
  weights,
  z.array(z.strictObject({
    /** Input tokens of this phase after which these weights hold; a multiple of sequence_length. */
    after_tokens: count,
    weights,
    /** "switch": the weights hold from there on; "linear": they are reached there, from the point before. */
    change: z.enum(["switch", "linear"]).default("switch"),
  })).nonempty(),
]);

/** Sources that may be read more than once: all, none, or those named. */
export const repeat_schema = z.union([z.boolean(), z.array(z.string())]).default(false);

/** A part of a run with one mixture, or with one that moves linearly to another. Checkpoints store it. */
export const piece_schema = z.strictObject({
  /** Sequence of the run, counted from 0, with which it begins. It lasts until the next piece begins. */
  from: count,
  /** Share of tokens by source at its beginning; they sum to 1. */
  weights,
  /** Where shares move: the sequence at which they reach `to`, and what they are then. */
  until: count.optional(),
  to: weights.optional(),
});

/** A mixture as a config has it. */
export type MixtureConfig = z.output<typeof mixture_schema>;
export type MixturePiece = Readonly<z.output<typeof piece_schema>>;
type MixturePoint = Extract<MixtureConfig, unknown[]>[number];

/**
 * The pieces of a run whose next phase begins with sequence `from`.
 *
 * A mixture equal to the current one does not start again: a run that is cut into phases then draws the same sequences
 * as one that is not.
 *
 * @param history pieces of the phases before; none for the first.
 * @param config the phase's mixture; left out, that of the phases before continues as planned.
 * @param sequence_length input tokens per sequence: a mixture changes between two sequences.
 * @throws {Error} when a point does not fall between two sequences, points are not in order, or no weight is above 0.
 */
export function extendHistory(
  history: readonly MixturePiece[],
  from: number,
  config: MixtureConfig | undefined,
  sequence_length: number,
): MixturePiece[] {
  if (config === undefined) return [...history];
  const points = Array.isArray(config)
    ? config as readonly MixturePoint[]
    : [{ after_tokens: 0, weights: config as MixturePoint["weights"], change: "switch" as const }];
  const before = history.filter((piece) => piece.from < from);
  const added = toPieces(points, from, sequence_length);
  return mergeEqual([...before, ...added]);
}

function toPieces(
  points: readonly MixturePoint[],
  from: number,
  sequence_length: number,
): MixturePiece[] {
  if (points.length === 0) throw new Error("the mixture has no points; give at least one");
  const [first] = points;
  if (first.after_tokens !== 0 || first.change !== "switch") {
    throw new Error(
      "a mixture's first point must be a switch after 0 tokens, where the phase begins",
    );
  }
  const places = points.map(({ after_tokens }, i) => {
    const place = wholeSequences(after_tokens, sequence_length);
    if (i > 0 && after_tokens <= points[i - 1].after_tokens) {
      throw new Error(
        `the mixture's point after ${after_tokens} tokens must come after the one before it, at ` +
          `${points[i - 1].after_tokens} tokens`,
      );
    }
    return from + place;
  });
  return points.map(({ weights }, i) => {
    const piece = { from: places[i], weights: shares(weights) };
    const next = points[i + 1];
    if (next?.change !== "linear") return piece;
    return { ...piece, until: places[i + 1], to: shares(next.weights) };
  });
}

function wholeSequences(tokens: number, sequence_length: number): number {
  requireInteger("after_tokens", tokens, 0);
  if (tokens % sequence_length === 0) return tokens / sequence_length;
  const below = Math.floor(tokens / sequence_length) * sequence_length;
  throw new Error(
    `a mixture cannot change after ${tokens} tokens, in the middle of a sequence of ${sequence_length}: ` +
      `use ${below} or ${below + sequence_length}`,
  );
}

/**
 * Weights scaled to sum to 1, sources of weight 0 left out, by name.
 *
 * @throws {Error} naming a negative or infinite weight, or when none is above 0.
 */
export function shares(weights: Readonly<Record<string, number>>): Record<string, number> {
  for (const [source, weight] of Object.entries(weights)) {
    if (!Number.isFinite(weight) || weight < 0) {
      throw new Error(`the weight of "${source}" must be a number >= 0, got ${weight}`);
    }
  }
  const used = Object.keys(weights).filter((source) => weights[source] > 0).sort();
  const sum = used.reduce((total, source) => total + weights[source], 0);
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw new Error("the mixture has no weight above 0; give at least one source a share");
  }
  return Object.fromEntries(used.map((source) => [source, weights[source] / sum]));
}

/** Drops pieces with the same constant shares as the one before. */
function mergeEqual(pieces: readonly MixturePiece[]): MixturePiece[] {
  return pieces.filter((piece, i) => {
    const before = pieces[i - 1];
    if (!before || before.to || piece.to) return true;
    return JSON.stringify(before.weights) !== JSON.stringify(piece.weights);
  });
}

/** A stretch of constant shares, with the counts before it. */
interface Stretch {
  readonly from: number;
  /** [sources]; share of a source among itself and those after it, w_k / Σ_{j >= k} w_j. */
  readonly ratios: Float64Array;
  /** [sources]; sequences drawn from each source before it. */
  readonly counts: Float64Array;
  /** [sources]; what rounding has left over so far, in [0, 1). */
  readonly carry: Float64Array;
}

/** A moving mixture is cut into at most this many parts; each has the shares of its middle. */
const MAX_PARTS = 1024;

/**
 * Counts the sequences that are drawn from each source.
 *
 * Shares are rounded to integers one source after the other, in the order of their names: of the r sequences
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
   * @param pieces sorted by `from`.
   * @throws {Error} when the first does not begin at 0.
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

  /** Sequences of each source among the first `total` of the run. Sources without any are left out. */
  drawn(total: number): Record<string, number> {
    const stretches = this.#stretches;
    const stretch = stretches[lastAtOrBefore(total, stretches.length, (i) => stretches[i].from)];
    const { counts } = advance(stretch, total - stretch.from);
    const given = this.sources.map((source, k) => [source, counts[k]] as const);
    return Object.fromEntries(given.filter(([, count]) => count > 0));
  }

  /** The parts of the pieces in [from, to). */
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
    const shares = sourcesOf([piece]).map((name) => [name, meanShare(piece, name, start, stop)]);
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
    // The last source of a stretch has ratio 1 and gets all that is left.
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
    // A source that gets all that is left keeps its carry: left + carry could round up to one too many.
    const exact = ratios[k] === 1 ? left : ratios[k] * left + carry[k];
    const given = Math.floor(exact);
    after.counts[k] += given;
    if (ratios[k] !== 1) after.carry[k] = exact - given;
    left -= given;
  }
  return after;
}
