/**
 * Unigram frequencies of datasets and of simulated mixtures, after Liu, Neubig and Xiong, "Midtraining Bridges
 * Pretraining and Posttraining Distributions", Appendix C.
 *
 * @module
 */
import { z } from "zod";
import { type DocumentSet, MixtureSchedule, resized, shares } from "../batches/mod.ts";
import { permute } from "../random/mod.ts";
import { counted } from "../words/mod.ts";

/**
 * Config fields: how documents are sampled and mixtures weighted. The paper says "at most 10,000 examples" and does not
 * define the weights; they are shares of tokens in training.
 */
export const sampling_fields = {
  /** Number of documents sampled from each source or mixture, see `sample_size`. */
  max_examples: z.int().min(1).default(10_000),
  /**
   * "at_most": `max_examples` documents, or all documents of a smaller set. "at_least": `max_examples` documents, repeated
   * if the set is smaller, or all documents of a larger set.
   */
  sample_size: z.enum(["at_most", "at_least"]).default("at_most"),
  /** Whether the weights of mixtures are shares of tokens or of documents. */
  mixture_by: z.enum(["tokens", "documents"]).default("tokens"),
};

const sampling_schema = z.object(sampling_fields);

export type SamplingOptions = Readonly<z.output<typeof sampling_schema>>;

export const SAMPLING_DEFAULTS: SamplingOptions = sampling_schema.parse({});

/** Shares by source; scaled to sum to 1. */
export type Weights = Readonly<Record<string, number>>;

/** One source of a mixture. */
export interface Part {
  readonly set: DocumentSet;
  /** Share by weight, of tokens or documents. */
  readonly share: number;
  /** Number of sampled documents; if more than the set has, documents repeat. */
  readonly documents: number;
}

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
  return combine([part], [countTokens(part, seed)], options);
}

/**
 * Unigram frequencies of a simulated mixture: `max_examples` documents are divided among the sources by weight, and the
 * sources' frequencies are weighted, f = Σ w_s f_s, since weights are shares of tokens and documents differ in length.
 * With `mixture_by: "documents"` the sampled documents are pooled instead.
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
    const key = `${part.documents} of ${part.set.name}`;
    const counts = cache.get(key) ?? countTokens(part, seed);
    cache.set(key, counts);
    return counts;
  });
  return combine(parts, counts, options);
}

/**
 * Divides the documents of a simulated mixture among its sources.
 *
 * @throws {Error} when the mixture names an unknown source.
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
        `unknown source "${source}" in a mixture; sources are ${
          [...sets.keys()].sort().join(", ")
        }`,
      );
    }
    return { set, share, documents: sampleSize(set, Math.max(1, quota[source] ?? 0), options) };
  });
}

function sampleSize(set: DocumentSet, wanted: number, { sample_size }: SamplingOptions): number {
  const { documents } = set;
  return sample_size === "at_most" ? Math.min(documents, wanted) : Math.max(documents, wanted);
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
  { mixture_by }: SamplingOptions,
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
    // When documents are pooled, a source's tokens are proportional to the mean length of its documents.
    return mixture_by === "tokens" ? share : share * tokens / documents;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mixed = new Float64Array(Math.max(...counts.map(({ counts }) => counts.length)));
  counts.forEach(({ counts, tokens }, i) => {
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

/** How often the `i`-th of a set's documents occurs in `wanted` draws that cycle through the set. */
function timesTaken(i: number, documents: number, wanted: number): number {
  return Math.floor(wanted / documents) + (i < wanted % documents ? 1 : 0);
}

/** Tokens of the `i`-th document in the set's random order, without the end-of-text token. */
export function sampledText(set: DocumentSet, i: number, seed: number) {
  const document = permute(i, set.documents, seed, `similarity/${set.name}`, 0);
  const { [document]: start, [document + 1]: end } = set.offsets;
  return set.read(start, Math.max(start, end - 1));
}
