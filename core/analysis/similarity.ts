/**
 * Similarity of token distributions, after Liu, Neubig and Xiong, "Midtraining Bridges Pretraining and
 * Posttraining Distributions", Appendix C.
 *
 * @module
 */

import { z } from "zod";
import { sampling_fields } from "./sampling.ts";

/** Similarity of two token distributions and its parts; all but `jensen_shannon` are 1 for equal distributions. */
export interface Similarity {
  /** Cosine of the frequency vectors, 0 to 1. */
  readonly cosine: number;
  /** Jaccard index of the vocabularies, |A ∩ B| / |A ∪ B|. */
  readonly jaccard: number;
  /** Overlap coefficient of the vocabularies, |A ∩ B| / min(|A|, |B|). Not part of `similarity`. */
  readonly overlap: number;
  /** Jensen-Shannon divergence, or with "distance" its root; 0 for equal distributions, up to epsilon. */
  readonly jensen_shannon: number;
  /** The weighted sum of cosine, Jaccard and the Jensen-Shannon part, 1 - JS or 1 / (1 + JS). */
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
  jensen_shannon: z.enum(["divergence", "distance", "reciprocal"]).default("divergence").describe(
    "The Jensen-Shannon part of the similarity: 1 - divergence; 1 - distance, the divergence's square root as SciPy's " +
      "`jensenshannon` returns it; or the reciprocal of 1 + divergence.",
  ),
  /** Added to the denominator of the cosine, and to the quotients and logarithms' arguments of the divergence. */
  epsilon: z.number().min(0).max(1e-3).default(0),
};

const comparison_schema = z.object(comparison_fields);

export type SimilarityOptions = Readonly<z.output<typeof comparison_schema>>;

export const SIMILARITY_DEFAULTS: SimilarityOptions = comparison_schema.parse({});

/** Config fields of stages that compare datasets; the defaults follow Appendix C of the paper. */
export const similarity_fields = {
  ...sampling_fields,
  ...comparison_fields,
  /**
   * "as_released" makes the defaults of all these fields but `general` what the authors' code does: 10,000 characters, then
   * 512 tokens of at most 10,000 documents, the 50,000 most frequent tokens of each side, mixtures of full samples, and
   * 1 / (1 + JS) in nats.
   */
  preset: z.enum(["as_released"]).optional(),
};

/**
 * What the authors' code does; where the text of the paper says otherwise, the text is the default.
 *
 * The code also adds 1e-10 to the number of tokens that each side's counts are divided by. This changes a share by less than
 * 1e-10 of itself for samples of one token or more, so it is left out.
 */
export const AS_RELEASED = {
  max_examples: 10_000,
  sample_size: "at_most",
  mixture_by: "full_samples",
  max_characters: 10_000,
  max_tokens: 512,
  vocabulary: 50_000,
  weights: { cosine: 0.4, jaccard: 0.3, jensen_shannon: 0.3 },
  log_base: Math.E,
  jensen_shannon: "reciprocal",
  epsilon: 1e-10,
} as const;

/** A config with `similarity_fields`: its preset has defaults of its own, which fields that are set replace. */
export function withPreset<S extends z.ZodType>(config: S): z.ZodType<z.output<S>, z.input<S>> {
  const released = (given: unknown) =>
    (given as { preset?: unknown } | null | undefined)?.preset === "as_released"
      ? { ...AS_RELEASED, ...given as object }
      : given;
  return z.preprocess(released, config) as unknown as z.ZodType<z.output<S>, z.input<S>>;
}

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
  const { epsilon, weights } = options;
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
    divergence += (relativeEntropy(a, m, epsilon) + relativeEntropy(b, m, epsilon)) / 2;
  }
  for (const sum of [sumP, sumQ]) {
    if (!(Math.abs(sum - 1) < 1e-9)) {
      throw new RangeError(`the shares of a distribution must sum to 1, got ${sum}`);
    }
  }
  // Rounding can make the divergence of equal distributions slightly negative, whose root would be NaN; an epsilon makes it
  // about -epsilon for each token, which is then kept.
  divergence /= Math.log(options.log_base);
  if (epsilon === 0 || options.jensen_shannon === "distance") divergence = Math.max(0, divergence);
  const cosine = dot / (Math.sqrt(squareP * squareQ) + epsilon);
  const jaccard = shared / (tokensP + tokensQ - shared);
  const overlap = shared / Math.min(tokensP, tokensQ);
  const jensen_shannon = options.jensen_shannon === "distance" ? Math.sqrt(divergence) : divergence;
  const alike = options.jensen_shannon === "reciprocal"
    ? 1 / (1 + jensen_shannon)
    : 1 - jensen_shannon;
  const similarity = weights.cosine * cosine + weights.jaccard * jaccard +
    weights.jensen_shannon * alike;
  return { cosine, jaccard, overlap, jensen_shannon, similarity };
}

/** One term of the Kullback-Leibler divergence, p ln(p / (m + ε) + ε), in nats. */
function relativeEntropy(p: number, m: number, epsilon: number): number {
  return p > 0 ? p * Math.log(p / (m + epsilon) + epsilon) : 0;
}
