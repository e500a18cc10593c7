/**
 * Statistics of repeated measurements, and Markdown tables of them.
 *
 * @module
 */

/** Median and range, which assume nothing about the distribution of the noise. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median and range of values. @throws {Error} if there are none. */
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
  /** Mean number of cores that each process used while it waited; should be 0. */
  readonly idle_ours: number;
  readonly idle_theirs: number;
  /** Mean number of cores that everything else on the machine used, in the worse of the two turns. */
  readonly others: number;
}

/** One turn of each side, right after each other, with equal work. */
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
 * Causeway's speed over that of the other side, round by round: neighbouring turns share the state of the machine, so
 * the ratio of each pair varies less than the ratio of two medians.
 */
export function speedRatio(rounds: readonly Turns[]): Spread {
  return spread(rounds.map(({ ours_s, theirs_s }) => theirs_s / ours_s));
}

/** |a - b| / |b|; NaN if a number is NaN, which is within no tolerance. */
export function relativeDifference(a: number, b: number): number {
  return Math.abs(a - b) / Math.abs(b);
}

/** Largest number of cores used by a waiting side, and by everything else. */
export function disturbance(
  rounds: readonly Disturbance[],
): { waiting: number; others: number } {
  return {
    waiting: Math.max(0, ...rounds.flatMap((round) => [round.idle_ours, round.idle_theirs])),
    others: Math.max(0, ...rounds.map(({ others }) => others)),
  };
}

/** Results are doubtful if processes that should be idle use more cores than this. */
const QUIET = 0.2;

export function isQuiet(rounds: readonly Disturbance[]): boolean {
  const { waiting, others } = disturbance(rounds);
  return Math.max(waiting, others) <= QUIET;
}

/** A Markdown table. Columns after the first `text_columns` are right-aligned; missing cells become dashes. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  text_columns = 1,
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = headings.map((_, i) => i < text_columns ? "---" : "---:");
  const full = (cells: readonly string[]) => headings.map((_, i) => cells[i] ?? "–");
  return [line(headings), line(rule), ...rows.map((cells) => line(full(cells)))].join("\n");
}

/** 1.234 -> "1.23"; undefined is a dash. */
export function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? "–" : value.toFixed(digits);
}

/** "2.01 (1.95–2.10)" */
export function withRange({ median, min, max }: Spread, digits: number): string {
  return `${fixed(median, digits)} (${fixed(min, digits)}–${fixed(max, digits)})`;
}

/** Three significant digits, with commas: 12345 -> "12,300". */
export function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 20 });
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** Bytes as GB, 10^9 bytes. */
export function gigabytes(bytes: number | undefined): string {
  return fixed(bytes === undefined ? undefined : bytes / 1e9, 2);
}

/** Seconds as milliseconds. */
export function milliseconds(seconds: number | undefined): string {
  return fixed(seconds === undefined ? undefined : 1000 * seconds, 0);
}

/**
 * How quiet the machine was, with a warning if it was not.
 *
 * @param repeated number of rounds that were repeated for that reason
 */
export function describeQuiet(rounds: readonly Turns[], repeated: number): string {
  const { waiting, others } = disturbance(rounds);
  const text =
    `While one side computed, the other used at most ${fixed(waiting, 2)} of a core, and ` +
    `everything else on the machine ${fixed(others, 2)} cores.`;
  const again = repeated === 0
    ? ""
    : ` ${repeated} rounds were repeated because something else was running.`;
  if (isQuiet(rounds)) return text + again;
  return `${text}${again} **The machine was not quiet, so these figures are doubtful:** shared cores slow the ` +
    `two sides differently.`;
}
