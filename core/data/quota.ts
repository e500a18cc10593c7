/** One source's normalised share of a mixture. */
export interface Share {
  readonly source: string;
  /** In (0, 1]; the shares of a mixture sum to 1. */
  readonly share: number;
}

/**
 * Checks weights and scales them to sum to 1. Sources of weight 0 are left out.
 *
 * @param weights non-negative numbers by source; only their ratios matter.
 * @param known the sources there are.
 * @returns shares sorted by source name, so that the order in which weights were written does not matter.
 * @throws {Error} naming an unknown source, a negative or infinite weight, or a mixture of nothing.
 */
export function normaliseWeights(
  weights: Readonly<Record<string, number>>,
  known: Iterable<string>,
): Share[] {
  const sources = [...known];
  for (const [source, weight] of Object.entries(weights)) {
    if (!sources.includes(source)) {
      throw new Error(
        `the mixture names the source "${source}", which is not among its inputs: ` +
          `${sources.sort().join(", ")}`,
      );
    }
    if (!Number.isFinite(weight) || weight < 0) {
      throw new Error(`the weight of "${source}" is ${weight}; it must be a number of at least 0`);
    }
  }
  const used = Object.keys(weights).filter((source) => weights[source] > 0).sort();
  const sum = used.reduce((total, source) => total + weights[source], 0);
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw new Error("the mixture has no weight above 0; give at least one source a share");
  }
  return used.map((source) => ({ source, share: weights[source] / sum }));
}

/**
 * How many of the first `total` sequences each source gives, by nested rounding:
 *
 *     Q_1 = floor(w_1 N + 1/2),  R_1 = N - Q_1,  Q_2 = floor(w_2 / (1 - w_1) R_1 + 1/2),  …
 *
 * The counts sum to N exactly, and none ever falls as N grows, because every R is itself such a count. So the
 * sequences of any one step are known without walking through the steps before it.
 *
 * @returns counts in the order of `shares`.
 */
export function cumulativeQuota(shares: readonly Share[], total: number): number[] {
  // Suffix sums make the last ratio exactly 1: the last source takes what is left.
  const remaining = shares.map(({ share }) => share);
  for (let i = remaining.length - 2; i >= 0; i--) remaining[i] += remaining[i + 1];
  let left = total;
  return shares.map(({ share }, i) => {
    const quota = Math.floor((share / remaining[i]) * left + 0.5);
    left -= quota;
    return quota;
  });
}
