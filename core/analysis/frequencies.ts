/**
 * Unigram frequencies of datasets and of simulated mixtures, after Liu, Neubig and Xiong, "Midtraining Bridges
 * Pretraining and Posttraining Distributions", Appendix C.
 *
 * @module
 */
import { type DocumentSet, resized } from "../batches/mod.ts";
import { counted } from "../words/mod.ts";
import {
  mixtureParts,
  type Part,
  sampledText,
  sampleSize,
  type SamplingOptions,
  type Weights,
} from "./sampling.ts";

/** How often each token occurs in a sample of documents. */
export interface TokenCounts {
  /** By token id, up to the largest id that occurs. */
  readonly counts: Float64Array;
  readonly tokens: number;
  /** Number of documents counted, repetitions included. */
  readonly documents: number;
}

/** Counts that several mixtures of the same sets share, for one seed. */
export type CountCache = Map<string, TokenCounts>;

/**
 * Unigram frequencies of a set's text, from a random sample of its documents.
 *
 * The end-of-text token that closes each document is not counted: it is not part of the text, and would make sets of
 * short documents look alike.
 *
 * @param seed determines, together with the set's name, which documents are sampled.
 * @returns shares by token id, summing to 1, up to the largest id that occurs.
 * @throws {Error} when the sampled documents have no text.
 */
export function tokenFrequencies(
  set: DocumentSet,
  options: SamplingOptions,
  seed: number,
): Float64Array {
  const part = { set, share: 1, documents: sampleSize(set, options.max_examples, options) };
  return combine([part], [countTokens(part, seed, options)], options);
}

/**
 * Unigram frequencies of a simulated mixture: `max_examples` documents are divided among the sources by weight, and the
 * sources' frequencies are weighted, f = Σ w_s f_s, since weights are shares of tokens and documents differ in length.
 * With `mixture_by: "documents"` and "full_samples" the sampled documents are pooled instead.
 *
 * @param weights by source. A source gives at least one document, however small its weight.
 * @param cache stores the counts of each source, for further mixtures.
 * @returns shares by token id, summing to 1.
 * @throws {Error} when the mixture names an unknown source, or a source's sample has no text.
 */
export function mixFrequencies(
  sets: ReadonlyMap<string, DocumentSet>,
  weights: Weights,
  options: SamplingOptions,
  seed: number,
  cache: CountCache = new Map(),
): Float64Array {
  const parts = mixtureParts(sets, weights, options);
  const counts = parts.map((part) => {
    const { max_characters, max_tokens } = options;
    const key = JSON.stringify([part.set.name, part.documents, max_characters, max_tokens]);
    const counts = cache.get(key) ?? countTokens(part, seed, options);
    cache.set(key, counts);
    return counts;
  });
  return combine(parts, counts, options);
}

/**
 * Weighted frequencies of a mixture.
 *
 * @param counts counts of each part.
 * @throws {Error} when a part's documents have no text.
 */
export function combine(
  parts: readonly Part[],
  counts: readonly TokenCounts[],
  { mixture_by, vocabulary = Infinity }: SamplingOptions,
): Float64Array {
  const weights = parts.map(({ set, share }, i) => {
    const { tokens, documents } = counts[i];
    if (tokens === 0) {
      throw new Error(
        `source "${set.name}" has no text in ${
          counted(documents, "sampled document")
        }, so its similarity is undefined; ` +
          "remove it, or add documents",
      );
    }
    if (mixture_by === "full_samples") return tokens;
    // When documents are pooled, a source's tokens are proportional to the mean length of its documents.
    return mixture_by === "tokens" ? share : share * tokens / documents;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mixed = new Float64Array(Math.max(...counts.map(({ counts }) => counts.length)));
  counts.forEach(({ counts, tokens }, i) => {
    const weight = weights[i] / total;
    counts.forEach((count, token) => mixed[token] += weight * (count / tokens));
  });
  return mostFrequent(mixed, vocabulary);
}

/** Shares of the `size` most frequent tokens, scaled to sum to 1; the same array if there are no more. */
function mostFrequent(shares: Float64Array, size: number): Float64Array {
  if (shares.reduce((found, share) => share > 0 ? found + 1 : found, 0) <= size) return shares;
  const kept = Array.from(shares.keys())
    .sort((a, b) => shares[b] - shares[a] || a - b).slice(0, size);
  const total = kept.reduce((sum, token) => sum + shares[token], 0);
  const most = new Float64Array(shares.length);
  for (const token of kept) most[token] = shares[token] / total;
  return most;
}

function countTokens(
  { set, documents }: Part,
  seed: number,
  options: SamplingOptions,
): TokenCounts {
  let counts = new Float64Array(1024);
  let tokens = 0, largest = -1;
  const distinct = Math.min(set.documents, documents);
  for (let i = 0; i < distinct; i++) {
    const times = timesTaken(i, set.documents, documents);
    const text = sampledText(set, i, seed, options);
    for (const token of text) {
      if (token >= counts.length) counts = resized(counts, 2 * token);
      if (token > largest) largest = token;
      counts[token] += times;
    }
    tokens += times * text.length;
  }
  return { counts: counts.subarray(0, largest + 1), tokens, documents };
}

/** How often the `i`-th of a set's documents occurs in `wanted` draws that cycle through the set. */
function timesTaken(i: number, documents: number, wanted: number): number {
  return Math.floor(wanted / documents) + (i < wanted % documents ? 1 : 0);
}
