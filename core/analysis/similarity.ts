/**
 * Similarity of token distributions, after Liu, Neubig and Xiong, "Midtraining Bridges Pretraining and
 * Posttraining Distributions", Appendix C.
 *
 * @module
 */

/** Similarity of two token distributions and its parts; all but `jensen_shannon` are 1 for equal ones. */
export interface Similarity {
  /** Cosine of the frequency vectors, 0 to 1. */
  readonly cosine: number;
  /** Shared tokens over all tokens of either, |A ∩ B| / |A ∪ B|. */
  readonly jaccard: number;
  /** Shared tokens over those of the smaller, |A ∩ B| / min(|A|, |B|). Not part of `similarity`. */
  readonly overlap: number;
  /** Jensen-Shannon divergence or distance, 0 for equal distributions. */
  readonly jensen_shannon: number;
  /** The weighted sum of cosine, Jaccard and 1 - Jensen-Shannon. */
  readonly similarity: number;
}

export interface SimilarityOptions {
  /** Weights of the three parts. */
  readonly weights: {
    readonly cosine: number;
    readonly jaccard: number;
    readonly jensen_shannon: number;
  };
  /** Base of the logarithm: with 2, both forms of Jensen-Shannon lie in [0, 1]. */
  readonly log_base: number;
  /** The divergence, or the distance, its square root, which SciPy's `jensenshannon` returns. */
  readonly jensen_shannon: "divergence" | "distance";
}

/**
 * The paper's weights. It names the Jensen-Shannon divergence without a base; base 2 keeps 1 - divergence
 * within [0, 1], as a part of a similarity must be.
 */
export const SIMILARITY_DEFAULTS: SimilarityOptions = {
  weights: { cosine: 0.4, jaccard: 0.3, jensen_shannon: 0.3 },
  log_base: 2,
  jensen_shannon: "divergence",
};

/**
 * Compares two token distributions.
 *
 * @param p shares by token id, as `tokenFrequencies` gives them.
 * @param q the same; tokens beyond the end of the shorter have no share in it.
 * @throws {RangeError} when one does not sum to 1.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { compareFrequencies } from "./mod.ts";
 *
 * const { jaccard, overlap } = compareFrequencies([0.5, 0.5, 0], [0.25, 0.25, 0.5]);
 * assert.equal(jaccard, 2 / 3);
 * assert.equal(overlap, 1);
 * ```
 */
export function compareFrequencies(
  p: ArrayLike<number>,
  q: ArrayLike<number>,
  options: SimilarityOptions = SIMILARITY_DEFAULTS,
): Similarity {
  let dot = 0, squareP = 0, squareQ = 0;
  let tokensP = 0, tokensQ = 0, shared = 0;
  let sumP = 0, sumQ = 0, divergence = 0;
  for (let i = 0; i < Math.max(p.length, q.length); i++) {
    const a = p[i] ?? 0, b = q[i] ?? 0;
    if (a === 0 && b === 0) continue;
    dot += a * b;
    squareP += a * a;
    squareQ += b * b;
    sumP += a;
    sumQ += b;
    if (a > 0) tokensP++;
    if (b > 0) tokensQ++;
    if (a > 0 && b > 0) shared++;
    // JS(p, q) = 1/2 Σ p log(p / m) + 1/2 Σ q log(q / m),  m = (p + q) / 2,  0 log 0 = 0
    const m = (a + b) / 2;
    divergence += (relativeEntropy(a, m) + relativeEntropy(b, m)) / 2;
  }
  for (const sum of [sumP, sumQ]) {
    if (!(Math.abs(sum - 1) < 1e-9)) {
      throw new RangeError(`the shares of a distribution sum to ${sum}; they must sum to 1`);
    }
  }
  // Rounding can leave a sum of equal distributions a hair below 0, whose root would be NaN.
  divergence = Math.max(0, divergence / Math.log(options.log_base));
  const cosine = dot / Math.sqrt(squareP * squareQ);
  const jaccard = shared / (tokensP + tokensQ - shared);
  const overlap = shared / Math.min(tokensP, tokensQ);
  const jensen_shannon = options.jensen_shannon === "distance" ? Math.sqrt(divergence) : divergence;
  const { weights } = options;
  const similarity = weights.cosine * cosine + weights.jaccard * jaccard +
    weights.jensen_shannon * (1 - jensen_shannon);
  return { cosine, jaccard, overlap, jensen_shannon, similarity };
}

/** One term of the Kullback-Leibler divergence, p ln(p / m), in nats. */
function relativeEntropy(p: number, m: number): number {
  return p > 0 ? p * Math.log(p / m) : 0;
}
