/**
 * Standard errors of losses over documents, which are clusters of tokens, and of several sources of variation together.
 *
 * @module
 */
import { type KnownInterval, studentInterval } from "./statistics.ts";

/** The standard error of an estimate, with the degrees of freedom that it was estimated with. */
export interface StandardError {
  readonly error: number;
  readonly df: number;
}

/**
 * The standard error of R = Σ x_d / Σ n_d over documents d drawn at random, such as a loss per token: tokens of a document
 * are not independent, so documents are the units. It is the linearized ratio estimator (Cochran 1977, "Sampling
 * Techniques", section 6.4), which a bootstrap over documents converges to, without its random error:
 *
 *     se² = D / (D - 1) · Σ_d (x_d - R n_d)² / (Σ_d n_d)²,  D documents
 *
 * @param sums x, over the tokens of each document.
 * @param counts n, the tokens of each document.
 * @returns null for fewer than two documents.
 * @throws {RangeError} when there are not equally many of both.
 */
export function ratioError(
  sums: ArrayLike<number>,
  counts: ArrayLike<number>,
): StandardError | null {
  const documents = sums.length;
  if (documents !== counts.length) {
    throw new RangeError(
      `${documents} sums and ${counts.length} counts are not of one document each`,
    );
  }
  if (documents < 2) return null;
  let sum = 0, count = 0, squares = 0;
  for (let d = 0; d < documents; d++) {
    sum += sums[d];
    count += counts[d];
  }
  const ratio = sum / count;
  for (let d = 0; d < documents; d++) squares += (sums[d] - ratio * counts[d]) ** 2;
  const error = Math.sqrt(documents / (documents - 1) * squares) / count;
  return { error, df: documents - 1 };
}

/**
 * The standard error of an estimate with independent sources of variation, its degrees of freedom by Satterthwaite (1946):
 *
 *     se² = Σ_i se_i²,  df = se⁴ / Σ_i (se_i⁴ / df_i)
 */
export function combineErrors(parts: readonly StandardError[]): StandardError {
  const variance = parts.reduce((sum, { error }) => sum + error ** 2, 0);
  const spread = parts.reduce((sum, { error, df }) => sum + error ** 4 / df, 0);
  const least = Math.min(...parts.map(({ df }) => df));
  return { error: Math.sqrt(variance), df: spread === 0 ? least : variance ** 2 / spread };
}

/**
 * The two-sided interval of an estimate with independent sources of variation. Where one of them has few degrees of freedom,
 * Satterthwaite's interval can be narrower than that of this source alone; then it is widened to that one.
 */
export function combinedInterval(
  estimate: number,
  parts: readonly StandardError[],
  confidence = 0.95,
): KnownInterval {
  const intervals = [combineErrors(parts), ...parts].map((part) => {
    return studentInterval(estimate, part, confidence);
  });
  return {
    ci_low: Math.min(...intervals.map(({ ci_low }) => ci_low)),
    ci_high: Math.max(...intervals.map(({ ci_high }) => ci_high)),
  };
}
