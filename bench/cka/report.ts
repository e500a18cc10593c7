/**
 * Results of the CKA benchmark as Markdown.
 *
 * @module
 */
import {
  describeQuiet,
  fixed,
  gigabytes,
  markdownTable,
  speedRatio,
  spread,
  type Turns,
  withRange,
} from "../shared/measurements.ts";
import type { Activations } from "./activations.ts";

export interface CkaResult {
  readonly size: string;
  readonly activations: Activations;
  /** The faster of NumPy's. */
  readonly algorithm: string;
  readonly turns: readonly Turns[];
  /** Turns that were repeated because the machine was not quiet. */
  readonly repeated: number;
  /** Largest resident memory during the rounds, in bytes, with the activations. */
  readonly peaks: { readonly ours?: number; readonly theirs?: number };
  /** CKA values compared. */
  readonly values: number;
  /** Largest difference from NumPy in float64, of ours and of NumPy in float32. */
  readonly difference: number;
  readonly difference_of_theirs: number;
}

/** Largest |a_i - b_i|. @throws {Error} when the lengths differ. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) {
    throw new Error(`${a.length} CKA values here, ${b.length} there`);
  }
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

export function renderReport(
  results: readonly CkaResult[],
  machine: Readonly<Record<string, string | number>>,
  { batches, rounds, threads }: { batches: number; rounds: number; threads: number },
): string {
  const headings = [
    "model",
    "NumPy",
    "ratio",
    "Causeway, s",
    "NumPy, s",
    "largest difference",
    "of NumPy float32",
    "Causeway's peak memory, GB",
    "NumPy's",
  ];
  const rows = results.map((result) => [
    result.size,
    result.algorithm,
    withRange(speedRatio(result.turns), 2),
    fixed(spread(result.turns.map(({ ours_s }) => ours_s)).median, 2),
    fixed(spread(result.turns.map(({ theirs_s }) => theirs_s)).median, 2),
    result.difference.toExponential(1),
    result.difference_of_theirs.toExponential(1),
    gigabytes(result.peaks.ours),
    gigabytes(result.peaks.theirs),
  ]);
  return [
    "# CKA speed against NumPy",
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${threads} threads for each side. Deno ` +
    `${machine.deno}, ONNX Runtime ${machine.onnxruntime}, NumPy ${machine.numpy}. ${batches} batches of ` +
    `activations, ${rounds} alternating rounds; median, with minimum and maximum in parentheses. ` +
    describeQuiet(
      results.flatMap(({ turns }) => turns),
      results.reduce((sum, { repeated }) => sum + repeated, 0),
    ),
    markdownTable(headings, rows, 2),
    "The ratio is Causeway's speed over NumPy's, both in float32 from activations in memory, which the peak " +
    "memory includes. NumPy computes pair by pair, or all layers at once in one symmetric product, " +
    "whichever is faster. Differences are those of CKA values from NumPy's in float64.",
  ].join("\n\n") + "\n";
}
