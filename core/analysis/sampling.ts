/**
 * Which documents stand for a dataset or a simulated mixture when datasets are compared, and how much of each document,
 * after Liu, Neubig and Xiong, "Midtraining Bridges Pretraining and Posttraining Distributions", Appendix C.
 *
 * @module
 */
import { z } from "zod";
import { type DocumentSet, MixtureSchedule, shares } from "../batches/mod.ts";
import { positive_int } from "../config/mod.ts";
import { permute } from "../random/mod.ts";
import { firstCharacters, textPrefix, type Tokenizer } from "../tokenizer/mod.ts";

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
  /**
   * "tokens", "documents": weights of mixtures are shares of tokens or of documents, and the sampled documents are divided
   * among the sources. "full_samples": a mixture with share w of specialised sources pools all n of their sampled documents
   * with n (1 - w) / w general ones, or with the whole sample of general data if that is smaller, as it is with full samples
   * and w < 1/2: then half of the documents are general.
   */
  mixture_by: z.enum(["tokens", "documents", "full_samples"]).default("tokens"),
  /** Source of general data; only "full_samples" needs to know it. */
  general: z.string().default("general"),
  /**
   * Characters of each document that count; a longer text is cut and tokenized again, for which the tokenizer must be
   * connected. All by default.
   */
  max_characters: positive_int.optional(),
  /** Tokens of each document that count, after the cut to `max_characters`; all by default. */
  max_tokens: positive_int.optional(),
  /** Number of tokens that are compared, the most frequent ones of each side; of equal counts the smaller ids. */
  vocabulary: positive_int.optional(),
};

const sampling_schema = z.object(sampling_fields);

type SamplingConfig = Readonly<z.output<typeof sampling_schema>>;

export interface SamplingOptions extends SamplingConfig {
  /** Needed for `max_characters`; if given, the BOS tokens that it puts before documents are not counted. */
  readonly tokenizer?: Pick<Tokenizer, "encode" | "decode" | "prefix_ids">;
}

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

/** How many of a set's documents are sampled when `wanted` are asked for. */
export function sampleSize(
  { documents }: DocumentSet,
  wanted: number,
  { sample_size }: SamplingOptions,
): number {
  return sample_size === "at_most" ? Math.min(documents, wanted) : Math.max(documents, wanted);
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
  const parts = dividedParts(sets, mixture, mixture, options);
  if (options.mixture_by !== "full_samples") return parts;
  const { general } = options;
  const { [general]: of_general = 0, ...specialised } = mixture;
  if (of_general === 0 || of_general === 1) return parts;
  const special = dividedParts(sets, shares(specialised), mixture, options);
  const documents = special.reduce((sum, part) => sum + part.documents, 0);
  const w = Object.values(specialised).reduce((sum, share) => sum + share, 0);
  const set = sets.get(general)!;
  const wanted = Math.floor(documents * (1 - w) / w);
  const sampled = sampleSize(set, options.max_examples, options);
  const rest = { set, share: of_general, documents: Math.min(wanted, sampled) };
  return rest.documents === 0 ? special : [rest, ...special];
}

/** `max_examples` documents divided by `quotas`, which sum to 1. A source gives at least one, however small its quota. */
function dividedParts(
  sets: ReadonlyMap<string, DocumentSet>,
  quotas: Weights,
  mixture: Weights,
  options: SamplingOptions,
): Part[] {
  const drawn = new MixtureSchedule([{ from: 0, weights: quotas }]).drawn(options.max_examples);
  return Object.keys(quotas).map((source) => {
    const set = sets.get(source);
    if (!set) {
      const known = [...sets.keys()].sort().join(", ");
      throw new Error(`unknown source "${source}" in a mixture; sources are ${known}`);
    }
    const documents = sampleSize(set, Math.max(1, drawn[source] ?? 0), options);
    return { set, share: mixture[source], documents };
  });
}

/**
 * Tokens of the `i`-th document in the set's random order that count: without the end-of-text token, and with no more than
 * `max_characters` and then `max_tokens`.
 *
 * @throws {Error} when `max_characters` is set and there is no tokenizer.
 */
export function sampledText(
  set: DocumentSet,
  i: number,
  seed: number,
  options: SamplingOptions,
): ReturnType<DocumentSet["read"]> {
  const { max_characters, max_tokens = Infinity, tokenizer } = options;
  const document = permute(i, set.documents, seed, `similarity/${set.name}`, 0);
  const { [document]: first, [document + 1]: next } = set.offsets;
  const end = Math.max(first, next - 1);
  const start = first + beginning(set, first, end, tokenizer?.prefix_ids);
  const read = (count: number) => set.read(start, Math.min(end, start + count));
  if (max_characters === undefined) return read(max_tokens);
  if (!tokenizer) {
    throw new Error(
      "max_characters needs the text of documents, which tables of tokens lack: connect the " +
        "tokenizer that made them, or leave out max_characters (of the preset too)",
    );
  }
  const tokens = textPrefix(end - start, read, firstCharacters(max_characters), tokenizer);
  return tokens?.subarray(0, Math.min(tokens.length, max_tokens)) ?? read(max_tokens);
}

/** Number of tokens with which a document begins that are not of its text: all of `prefix_ids`, or none. */
function beginning(
  set: DocumentSet,
  first: number,
  end: number,
  prefix_ids: readonly number[] = [],
): number {
  const { length } = prefix_ids;
  if (length === 0 || end - first < length) return 0;
  const ids = set.read(first, first + length);
  return prefix_ids.every((id, i) => id === ids[i]) ? length : 0;
}
