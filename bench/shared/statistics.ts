/**
 * Statistics of repeated measurements.
 *
 * @module
 */

/** Median and range: what noise leaves, without an assumption on its distribution. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws {Error} when there is nothing to summarize. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("no measurements");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** What else the machine did during a measurement. */
export interface Disturbance {
  /** Cores that the waiting process used on average: 0 is as it should be. */
  readonly idle_ours: number;
  readonly idle_theirs: number;
  /** Cores that everything else on the machine used on average, in the worse of the two turns. */
  readonly others: number;
}

/** One turn of each side, one right after the other, with equal work. */
export interface Turns extends Disturbance {
  /** Seconds of the whole turn. */
  readonly ours_s: number;
  readonly theirs_s: number;
}

/** Turns, and the Gemm ceiling measured right after them. */
export interface Round extends Turns {
  /** Rate of ONNX Runtime's Gemm, in FLOP/s. */
  readonly ceiling: number;
}

/**
 * How many times as fast we are, round by round: neighbours in time share the machine's mood, so the ratio of
 * each pair is steadier than the ratio of two medians.
 */
export function speedRatio(rounds: readonly Turns[]): Spread {
  return spread(rounds.map(({ ours_s, theirs_s }) => theirs_s / ours_s));
}

/** |a - b| / |b|; NaN, which no tolerance passes, when a number is missing. */
export function relativeDifference(a: number, b: number): number {
  return Math.abs(a - b) / Math.abs(b);
}

/** How quiet the machine was: cores used on average by the waiting side and by everything else, at worst. */
export function disturbance(
  rounds: readonly Disturbance[],
): { waiting: number; others: number } {
  return {
    waiting: Math.max(0, ...rounds.flatMap((round) => [round.idle_ours, round.idle_theirs])),
    others: Math.max(0, ...rounds.map(({ others }) => others)),
  };
}

/** More than this by processes that should not compute, in cores, makes a figure doubtful. */
const QUIET = 0.2;

export function isQuiet(rounds: readonly Disturbance[]): boolean {
  const { waiting, others } = disturbance(rounds);
  return Math.max(waiting, others) <= QUIET;
}
