/**
 * The config, and the choices that the paper's text leaves open with their alternatives.
 *
 * @module
 */
import { z } from "zod";
import {
  AS_RELEASED,
  SAMPLING_DEFAULTS,
  type SamplingOptions,
  type Similarity,
  SIMILARITY_DEFAULTS,
  similarity_fields,
  type SimilarityOptions,
  withPreset,
} from "@causeway/core/analysis";

export const config = withPreset(z.strictObject({
  ...similarity_fields,
  /** Source of general data, which every mixture contains. */
  general: z.string().default("general"),
  /** Targets, which are sources too; all targets of the comparison by default. */
  targets: z.array(z.string()).nonempty().optional(),
  /** Specialised sources made of several, by name: the share of each. */
  groups: z.record(z.string(), z.record(z.string(), z.number().positive())).optional(),
  /** Kinds of arm to include. */
  kinds: z.array(
    z.enum(["control", "midtrain", "ablation", "continued", "from_scratch", "along_run"]),
  ).nonempty().default(["midtrain"]),
  /** What represents an arm: its mixture, simulated at its weights, or its specialised source alone. */
  against: z.enum(["mixture", "specialised"]).default("mixture"),
  /** Confidence of the intervals. */
  confidence: z.number().gt(0).lt(1).default(0.95),
  /** Bootstrap resamples of arms and trunks, for the second interval of correlations; 0 for none. */
  resamples: z.int().min(0).default(1000),
}));

export type Config = z.output<typeof config>;

/** One set of options of proximity. */
export interface Choice extends SamplingOptions, SimilarityOptions {
  /** What differs from the config. */
  readonly name: string;
  readonly against: Config["against"];
  /** The value taken from a comparison. */
  measure(similarity: Similarity): number;
}

/**
 * The options of the config first, then what the authors' code does, then those that differ from the config in one choice that
 * the paper's text leaves open.
 *
 * @param tokenizer of the tokens, for choices that cut texts; without one the authors' cut to 10,000 characters is left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { allChoices, config } from "./config.ts";
 *
 * const [own, other] = allChoices(config.parse({}));
 * assert.deepEqual([own.jensen_shannon, other.jensen_shannon], ["divergence", "reciprocal"]);
 * assert.match(other.name, /as the authors' code does/);
 * ```
 */
export function allChoices(
  config: Config,
  tokenizer?: SamplingOptions["tokenizer"],
): Choice[] {
  const measure = ({ similarity }: Similarity) => similarity;
  const own: Choice = { ...config, tokenizer, name: "as configured", measure };
  const change = (name: string, changes: Partial<Choice>): Choice => ({ ...own, ...changes, name });
  const weigh = (name: string, cosine: number, jaccard: number, jensen_shannon: number) =>
    change(name, { weights: { cosine, jaccard, jensen_shannon } });
  /** One choice for each value of a field that is not the config's. */
  const others = <F extends "mixture_by" | "jensen_shannon">(
    field: F,
    names: Readonly<Record<Config[F], string>>,
  ) =>
    Object.entries<string>(names).filter(([value]) => value !== config[field])
      .map(([value, name]) => change(name, { [field]: value }));
  const { max_examples } = config;
  return [
    own,
    bundle(config, change, tokenizer !== undefined),
    config.sample_size === "at_most"
      ? change(`examples: max(size, ${max_examples})`, { sample_size: "at_least" })
      : change(`examples: min(size, ${max_examples})`, { sample_size: "at_most" }),
    ...others("mixture_by", {
      tokens: "mixtures by shares of tokens",
      documents: "mixtures by shares of documents",
      full_samples: "mixtures of full samples",
    }),
    config.against === "mixture"
      ? change("specialised source alone", { against: "specialised" })
      : change("mixture at its weights", { against: "mixture" }),
    config.max_tokens === undefined
      ? change("first 512 tokens of each text", { max_tokens: 512 })
      : change("all tokens of each text", { max_characters: undefined, max_tokens: undefined }),
    config.log_base === 2
      ? change("natural logarithm", { log_base: Math.E })
      : change("logarithm of base 2", { log_base: 2 }),
    ...others("jensen_shannon", {
      divergence: "Jensen-Shannon divergence",
      distance: "Jensen-Shannon distance",
      reciprocal: "1 / (1 + Jensen-Shannon divergence)",
    }),
    weigh("unweighted mean of the three", 1 / 3, 1 / 3, 1 / 3),
    weigh("cosine alone", 1, 0, 0),
    weigh("Jaccard alone", 0, 1, 0),
    weigh("Jensen-Shannon part alone", 0, 0, 1),
    change("overlap alone", { measure: ({ overlap }) => overlap }),
  ];
}

/** All options as the authors' code has them; or, if the config is that, as the text of the paper has them. */
function bundle(
  { preset, general }: Config,
  change: (name: string, changes: Partial<Choice>) => Choice,
  has_tokenizer: boolean,
): Choice {
  if (preset !== undefined) {
    const all = { max_characters: undefined, max_tokens: undefined, vocabulary: undefined };
    const defaults = { ...SAMPLING_DEFAULTS, ...SIMILARITY_DEFAULTS, ...all, general };
    return change("as the text of the paper says", defaults);
  }
  const { max_characters, ...rest } = AS_RELEASED;
  return has_tokenizer ? change("as the authors' code does", AS_RELEASED) : change(
    `as the authors' code does, but for its cut to ${
      max_characters.toLocaleString("en")
    } characters`,
    rest,
  );
}
