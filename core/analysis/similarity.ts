/**
 * Similarity of token distributions, after Liu, Neubig and Xiong, "Midtraining Bridges Pretraining and
 * Posttraining Distributions", Appendix C.
 *
 * @module
 */

import { z } from "zod";
import { sampling_fields } from "./frequencies.ts";

/** Similarity of two token distributions and its parts; all but `jensen_shannon` are 1 for equal distributions. */
export interface Similarity {
  /** Cosine of the frequency vectors, 0 to 1. */
  readonly cosine: number;
  /** Jaccard index of the vocabularies, |A ∩ B| / |A ∪ B|. */
  readonly jaccard: number;
  /** Overlap coefficient of the vocabularies, |A ∩ B| / min(|A|, |B|). Not part of `similarity`. */
  readonly overlap: number;
  /** Jensen-Shannon divergence or distance, 0 for equal distributions. */
  readonly jensen_shannon: number;
  /** The weighted sum of cosine, Jaccard and 1 - Jensen-Shannon. */
  readonly similarity: number;
}

const weight = z.number().min(0).max(1);

/**
 * Config fields: how two distributions are compared. The weights are the paper's. The paper does not give the base of the
 * logarithm; base 2 keeps 1 - Jensen-Shannon within [0, 1].
 */
const comparison_fields = {
  weights: z.strictObject({
    cosine: weight.default(0.4),
    jaccard: weight.default(0.3),
    jensen_shannon: weight.default(0.3),
  }).prefault({}).refine(
    ({ cosine, jaccard, jensen_shannon }) => Math.abs(cosine + jaccard + jensen_shannon - 1) < 1e-9,
    "the weights must sum to 1",
  ).describe("Weights of the three parts of the similarity; they sum to 1."),
  /** Base of the logarithm in the Jensen-Shannon divergence; with 2 it is between 0 and 1. */
  log_base: z.number().gt(1).default(2),
  jensen_shannon: z.enum(["divergence", "distance"]).default("divergence").describe(
    "Jensen-Shannon divergence, or distance: its square root, as SciPy's `jensenshannon` returns.",
  ),
};

const comparison_schema = z.object(comparison_fields);

export type SimilarityOptions = Readonly<z.output<typeof comparison_schema>>;

export const SIMILARITY_DEFAULTS: SimilarityOptions = comparison_schema.parse({});

/** Config fields of stages that compare datasets; the defaults follow Appendix C of the paper. */
export const similarity_fields = { ...sampling_fields, ...comparison_fields };

/**
 * Compares two token distributions.
 *
 * @param p shares by token id, as `tokenFrequencies` returns them.
 * @param q likewise; missing tokens at the end of the shorter one have share 0.
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
      throw new RangeError(`the shares of a distribution must sum to 1, got ${sum}`);
    }
  }
  // Rounding can make the divergence of equal distributions slightly negative, whose root would be NaN.
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
