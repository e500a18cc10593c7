/**
 * From the mixtures of configs to the pieces of a run.
 *
 * @module
 */
import type { MixtureConfig, MixturePiece, MixturePoint } from "./mixture_schedule.ts";

/**
 * The pieces of a run whose next phase begins with sequence `from`.
 *
 * A mixture that is the one already going on does not begin anew: a run that is cut into phases then draws the same
 * sequences as one that is not.
 *
 * @param history pieces of the phases before; none for the first.
 * @param config the phase's mixture; left out, that of the phases before goes on as it was planned.
 * @param sequence_length input tokens per sequence: a mixture changes between two sequences.
 * @throws {Error} when a point does not fall between two sequences, points are not in order, or weights are no mixture.
 */
export function extendHistory(
  history: readonly MixturePiece[],
  from: number,
  config: MixtureConfig | undefined,
  sequence_length: number,
): MixturePiece[] {
  if (config === undefined) return [...history];
  const points = isPoints(config)
    ? config
    : [{ after_tokens: 0, weights: config, change: "switch" as const }];
  const before = history.filter((piece) => piece.from < from);
  const added = toPieces(points, from, sequence_length);
  return mergeEqual([...before, ...added]);
}

function isPoints(config: MixtureConfig): config is readonly MixturePoint[] {
  return Array.isArray(config);
}

function toPieces(
  points: readonly MixturePoint[],
  from: number,
  sequence_length: number,
): MixturePiece[] {
  if (points.length === 0) throw new Error("the mixture has no point; give at least one");
  const [first] = points;
  if (first.after_tokens !== 0 || first.change !== "switch") {
    throw new Error(
      "a mixture's first point must be a switch after 0 tokens: with it the phase begins",
    );
  }
  const places = points.map(({ after_tokens }, i) => {
    const place = wholeSequences(after_tokens, sequence_length);
    if (i > 0 && after_tokens <= points[i - 1].after_tokens) {
      throw new Error(
        `the mixture's point after ${after_tokens} tokens must lie behind the one before it, ` +
          `after ${points[i - 1].after_tokens}`,
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
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    throw new Error(`after_tokens is ${tokens}; it must be a whole number of at least 0`);
  }
  if (tokens % sequence_length === 0) return tokens / sequence_length;
  const below = Math.floor(tokens / sequence_length) * sequence_length;
  throw new Error(
    `a mixture cannot change after ${tokens} tokens, in the middle of a sequence of ${sequence_length}: ` +
      `take ${below} or ${below + sequence_length}`,
  );
}

/**
 * Weights scaled to sum to 1, sources of weight 0 left out, by name.
 *
 * @throws {Error} naming a negative or infinite weight, or a mixture of nothing.
 */
export function shares(weights: Readonly<Record<string, number>>): Record<string, number> {
  for (const [source, weight] of Object.entries(weights)) {
    if (!Number.isFinite(weight) || weight < 0) {
      throw new Error(`the weight of "${source}" is ${weight}; it must be a number of at least 0`);
    }
  }
  const used = Object.keys(weights).filter((source) => weights[source] > 0).sort();
  const sum = used.reduce((total, source) => total + weights[source], 0);
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw new Error("the mixture has no weight above 0; give at least one source a share");
  }
  return Object.fromEntries(used.map((source) => [source, weights[source] / sum]));
}

/** Drops a piece that only goes on with the constant shares of the one before it. */
function mergeEqual(pieces: readonly MixturePiece[]): MixturePiece[] {
  return pieces.filter((piece, i) => {
    const before = pieces[i - 1];
    if (!before || before.to || piece.to) return true;
    return JSON.stringify(before.weights) !== JSON.stringify(piece.weights);
  });
}
