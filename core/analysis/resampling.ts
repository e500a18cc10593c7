/**
 * Bootstrap intervals of similarities: frequencies of documents drawn with replacement.
 *
 * @module
 */
import type { DocumentSet } from "../batches/mod.ts";
import { Random } from "../random/mod.ts";
import { combine, type TokenCounts } from "./frequencies.ts";
import {
  mixtureParts,
  type Part,
  sampledText,
  type SamplingOptions,
  type Weights,
} from "./sampling.ts";
import { drawCounts, type Interval, mean, NO_INTERVAL, percentileInterval } from "./statistics.ts";

/**
 * Token frequencies of several mixtures over bootstrap resamples of documents. All mixtures share the draws of a source's
 * documents, so that the intervals of differences between mixtures with a common source are not too wide.
 *
 * Needs 8 bytes for each distinct token of each sampled document.
 */
export class FrequencyResampler {
  readonly #mixtures: readonly (readonly Part[])[];
  readonly #sources = new Map<string, CountedDocuments>();
  readonly #seed: number;
  readonly #options: SamplingOptions;

  /**
   * @param mixtures weights by source; `{ source: 1 }` for a single source.
   * @throws {Error} when a mixture names an unknown source.
   */
  constructor(
    sets: ReadonlyMap<string, DocumentSet>,
    mixtures: readonly Weights[],
    options: SamplingOptions,
    seed: number,
  ) {
    this.#mixtures = mixtures.map((weights) => mixtureParts(sets, weights, options));
    this.#seed = seed;
    this.#options = options;
    const parts = this.#mixtures.flat();
    for (const { set } of parts) {
      if (this.#sources.has(set.name)) continue;
      const wanted = parts.filter((part) => part.set === set).map(({ documents }) => documents);
      this.#sources.set(set.name, new CountedDocuments(set, wanted, seed, options));
    }
  }

  /**
   * Frequencies of each mixture in one resample.
   *
   * @returns undefined if the documents drawn from a source have no text, which can happen with very few documents.
   */
  draw(resample: number): Float64Array[] | undefined {
    const counted = new Map<string, ReadonlyMap<number, TokenCounts>>();
    for (const [name, documents] of this.#sources) {
      const counts = documents.count(new Random(this.#seed, `bootstrap/${name}`, resample));
      if ([...counts.values()].some(({ tokens }) => tokens === 0)) return undefined;
      counted.set(name, counts);
    }
    return this.#mixtures.map((parts) => {
      const counts = parts.map(({ set, documents }) => counted.get(set.name)!.get(documents)!);
      return combine(parts, counts, this.#options);
    });
  }
}

/**
 * Bootstrap intervals of quantities that depend on frequencies.
 *
 * A resample has about 63% of the documents and so fewer distinct tokens, which lowers overlaps. Only its spread is used:
 * each interval is that of the resamples shifted to the estimate, θ + (θ* - mean θ*).
 *
 * @param estimates the quantities, computed from the sample itself.
 * @param quantities computes the quantities from the frequencies of each mixture.
 * @param check called before each resample; may throw to stop.
 * @returns an interval for each quantity; null without resamples.
 */
export function resampledIntervals(
  resampler: FrequencyResampler,
  estimates: ArrayLike<number>,
  quantities: (frequencies: readonly Float64Array[]) => ArrayLike<number>,
  resamples: number,
  check: (resample: number) => void = () => {},
): Interval[] {
  const values = Array.from(estimates, () => [] as number[]);
  for (let resample = 0; resample < resamples; resample++) {
    check(resample);
    const frequencies = resampler.draw(resample);
    if (frequencies === undefined) continue;
    const drawn = quantities(frequencies);
    values.forEach((list, i) => list.push(drawn[i]));
  }
  return values.map((list, i) => {
    if (list.length === 0) return NO_INTERVAL;
    const shift = estimates[i] - mean(list);
    return percentileInterval(list.map((value) => value + shift));
  });
}

/** Token counts of each sampled document of a source. */
class CountedDocuments {
  readonly #documents: number;
  /** Requested sample sizes. */
  readonly #wanted: readonly number[];
  #vocabulary = 0;
  readonly #tokens: Uint32Array;
  readonly #counts: Uint32Array;
  /** [sampled documents + 1] start of each document's tokens. */
  readonly #offsets: Float64Array;
  /** [sampled documents] how often each was drawn. */
  readonly #draws: Uint32Array;

  constructor(
    set: DocumentSet,
    wanted: readonly number[],
    seed: number,
    options: SamplingOptions,
  ) {
    this.#documents = set.documents;
    this.#wanted = [...new Set(wanted)];
    const sampled = Math.min(set.documents, Math.max(...wanted));
    const [tokens, counts]: [Uint32Array[], Uint32Array[]] = [[], []];
    this.#offsets = new Float64Array(sampled + 1);
    for (let i = 0; i < sampled; i++) {
      const counted = new Map<number, number>();
      for (const token of sampledText(set, i, seed, options)) {
        counted.set(token, (counted.get(token) ?? 0) + 1);
        if (token >= this.#vocabulary) this.#vocabulary = token + 1;
      }
      tokens.push(Uint32Array.from(counted.keys()));
      counts.push(Uint32Array.from(counted.values()));
      this.#offsets[i + 1] = this.#offsets[i] + counted.size;
    }
    this.#tokens = joined(tokens, this.#offsets);
    this.#counts = joined(counts, this.#offsets);
    this.#draws = new Uint32Array(sampled);
  }

  /**
   * Draws documents with replacement and counts their tokens. A smaller sample is a prefix of a larger one, with the same
   * draws.
   *
   * @returns counts by sample size.
   */
  count(random: Random): Map<number, TokenCounts> {
    const draws = drawCounts(this.#draws, random);
    // A sample consists of `passes` passes over all documents, then the `first` ones.
    const size = this.#documents;
    const parts = this.#wanted.map((wanted) => ({
      wanted,
      passes: Math.floor(wanted / size),
      first: wanted % size,
    }));
    const lengths = parts.flatMap(({ passes, first }) => passes > 0 ? [first, size] : [first]);
    const firsts = this.#countFirst(lengths, draws);
    return new Map(parts.map(({ wanted, passes, first }) => {
      const rest = firsts.get(first)!;
      return [wanted, passes === 0 ? rest : sumOf(passes, firsts.get(size)!, rest)];
    }));
  }

  /** Counts of the first `length` documents for each length, in a single pass. */
  #countFirst(lengths: readonly number[], draws: Uint32Array): Map<number, TokenCounts> {
    const counts = new Float64Array(this.#vocabulary);
    let tokens = 0, documents = 0, i = 0;
    const taken = new Map<number, TokenCounts>();
    for (const length of [...new Set(lengths)].sort((a, b) => a - b)) {
      for (; i < length; i++) {
        documents += draws[i];
        for (let k = this.#offsets[i], end = this.#offsets[i + 1]; k < end; k++) {
          const count = draws[i] * this.#counts[k];
          counts[this.#tokens[k]] += count;
          tokens += count;
        }
      }
      taken.set(length, { counts: counts.slice(), tokens, documents });
    }
    return taken;
  }
}

function sumOf(times: number, all: TokenCounts, rest: TokenCounts): TokenCounts {
  return {
    counts: all.counts.map((count, token) => times * count + rest.counts[token]),
    tokens: times * all.tokens + rest.tokens,
    documents: times * all.documents + rest.documents,
  };
}

function joined(parts: readonly Uint32Array[], offsets: Float64Array): Uint32Array {
  const all = new Uint32Array(offsets[parts.length]);
  parts.forEach((part, i) => all.set(part, offsets[i]));
  return all;
}
