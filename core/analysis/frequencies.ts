/**
 * Unigram frequencies of datasets and of simulated mixtures, after Liu, Neubig and Xiong, "Midtraining Bridges
 * Pretraining and Posttraining Distributions", Appendix C.
 *
 * @module
 */
import { type DocumentSet, MixtureSchedule, resized, shares } from "../batches/mod.ts";
import { permute } from "../random/mod.ts";

export interface SamplingOptions {
  /** Documents counted of each source or mixture. */
  readonly max_examples: number;
  /**
   * `min`: that many, or all of a smaller set: a cap. `max`: that many, those of a smaller set more than once, or all
   * of a larger set.
   */
  readonly examples: "min" | "max";
  /** Whether a mixture's weights are shares of tokens, or of documents, whatever their length. */
  readonly mixture_by: "tokens" | "documents";
}

/**
 * The paper's "at most 10,000 examples" as a cap, and weights as the shares of tokens that they are in training. It
 * leaves both to be read in another way.
 */
export const SAMPLING_DEFAULTS: SamplingOptions = {
  max_examples: 10_000,
  examples: "min",
  mixture_by: "tokens",
};

/** Shares by source; scaled to sum to 1. */
export type Weights = Readonly<Record<string, number>>;

/** What a mixture takes of one source. */
export interface Part {
  readonly set: DocumentSet;
  /** Share by weight, of tokens or documents. */
  readonly share: number;
  /** Sampled documents; above the set's own number, they are gone through more than once. */
  readonly documents: number;
}

/** How often each token occurs in a sample of documents. */
export interface TokenCounts {
  /** By token id; as long as the largest id asks for. */
  readonly counts: Float64Array;
  readonly tokens: number;
  /** Documents counted, repeated ones as often as they were. */
  readonly documents: number;
}

/** Counts that several mixtures of the same sets share, for one seed. */
export type CountCache = Map<string, TokenCounts>;

/**
 * Unigram frequencies of a set's text, from a random sample of its documents.
 *
 * The end-of-text token that closes each document is not counted: it is no part of the text, and would make sets
 * of short documents look alike.
 *
 * @param seed which documents are counted depends on it and on the set's name alone.
 * @returns shares by token id, summing to 1; as long as the largest id asks for.
 * @throws {Error} when the sampled documents hold no text.
 */
export function tokenFrequencies(
  set: DocumentSet,
  options: SamplingOptions,
  seed: number,
): Float64Array {
  const part = { set, share: 1, documents: sampleSize(set, options.max_examples, options) };
  return combine([part], [countTokens(part, seed)], options);
}

/**
 * Unigram frequencies of a simulated mixture: `max_examples` documents are shared out over the sources at their
 * weights, and the sources' frequencies are weighted, f = Σ w_s f_s: weights are shares of tokens, and documents
 * differ in length. With `mixture_by: "documents"` a source counts as its documents do when they are pooled.
 *
 * @param weights by source. A source whose weight gives it less than half a document still gives one.
 * @param cache keeps the counts of each source, for further mixtures.
 * @returns shares by token id, summing to 1.
 * @throws {Error} when the weights do not fit the sets, or a source's sample holds no text.
 */
export function mixFrequencies(
  sets: ReadonlyMap<string, DocumentSet>,
  weights: Weights,
  options: SamplingOptions,
  seed: number,
  cache: CountCache = new Map(),
): Float64Array {
  const parts = mixtureParts(sets, weights, options);
  const counted = parts.map((part) => {
    const key = `${part.documents} of ${part.set.name}`;
    const counts = cache.get(key) ?? countTokens(part, seed);
    cache.set(key, counts);
    return counts;
  });
  return combine(parts, counted, options);
}

/**
 * Shares the documents of a simulated mixture out over its sources.
 *
 * @throws {Error} when the weights do not fit the sets.
 */
export function mixtureParts(
  sets: ReadonlyMap<string, DocumentSet>,
  weights: Weights,
  options: SamplingOptions,
): Part[] {
  const mixture = shares(weights);
  const quota = new MixtureSchedule([{ from: 0, weights: mixture }]).drawn(options.max_examples);
  return Object.entries(mixture).map(([source, share]) => {
    const set = sets.get(source);
    if (!set) {
      throw new Error(
        `the mixture names the source "${source}", which is not among its inputs: ` +
          [...sets.keys()].sort().join(", "),
      );
    }
    return { set, share, documents: sampleSize(set, Math.max(1, quota[source] ?? 0), options) };
  });
}

function sampleSize(set: DocumentSet, wanted: number, { examples }: SamplingOptions): number {
  return examples === "min" ? Math.min(set.documents, wanted) : Math.max(set.documents, wanted);
}

/**
 * Weighted frequencies of a mixture.
 *
 * @param counted of each part.
 * @throws {Error} when a part's documents hold no text.
 */
export function combine(
  parts: readonly Part[],
  counted: readonly TokenCounts[],
  { mixture_by }: SamplingOptions,
): Float64Array {
  const weights = parts.map(({ set, share }, i) => {
    const { tokens, documents } = counted[i];
    if (tokens === 0) {
      throw new Error(
        `the ${documents} sampled documents of source "${set.name}" hold no text: its similarity is not defined`,
      );
    }
    // Pooled, a source gives tokens in proportion to the mean length of its documents.
    return mixture_by === "tokens" ? share : share * tokens / documents;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mixed = new Float64Array(Math.max(...counted.map(({ counts }) => counts.length)));
  counted.forEach(({ counts, tokens }, i) => {
    const weight = weights[i] / total;
    counts.forEach((count, token) => mixed[token] += weight * (count / tokens));
  });
  return mixed;
}

function countTokens({ set, documents }: Part, seed: number): TokenCounts {
  let counts = new Float64Array(1024);
  let tokens = 0, largest = -1;
  const distinct = Math.min(set.documents, documents);
  for (let i = 0; i < distinct; i++) {
    const times = timesTaken(i, set.documents, documents);
    const text = sampledText(set, i, seed);
    for (const token of text) {
      if (token >= counts.length) counts = resized(counts, 2 * token);
      if (token > largest) largest = token;
      counts[token] += times;
    }
    tokens += times * text.length;
  }
  return { counts: counts.subarray(0, largest + 1), tokens, documents };
}

/** How often the `i`-th of a set's documents is taken in `wanted` draws that go through the set again and again. */
function timesTaken(i: number, documents: number, wanted: number): number {
  return Math.floor(wanted / documents) + (i < wanted % documents ? 1 : 0);
}

/** Tokens of the `i`-th document of a set's random order, without the end-of-text token. */
export function sampledText(set: DocumentSet, i: number, seed: number) {
  const document = permute(i, set.documents, seed, `similarity/${set.name}`, 0);
  const { [document]: start, [document + 1]: end } = set.offsets;
  return set.read(start, Math.max(start, end - 1));
}
