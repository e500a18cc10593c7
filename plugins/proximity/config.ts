/**
 * The config, and the choices that the paper's text leaves open with their alternatives.
 *
 * @module
 */
import { z } from "zod";
import {
  type SamplingOptions,
  type Similarity,
  similarity_fields,
  type SimilarityOptions,
} from "@causeway/core/analysis";

export const config = z.strictObject({
  /** Source of general data, which every mixture contains. */
  general: z.string().default("general"),
  /** Targets, which are sources too; all targets of the comparison by default. */
  targets: z.array(z.string()).nonempty().optional(),
  /** Kinds of arm to include. */
  kinds: z.array(z.enum(["control", "midtrain", "ablation", "continued", "along_run"])).nonempty()
    .default(["midtrain"]),
  /** What represents an arm: its mixture, simulated at its weights, or its specialised source alone. */
  against: z.enum(["mixture", "specialised"]).default("mixture"),
  /** Confidence of the intervals. */
  confidence: z.number().gt(0).lt(1).default(0.95),
  ...similarity_fields,
});

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
 * The options of the config first, then those that differ from it in one choice that the paper's text leaves open.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { allChoices, config } from "./config.ts";
 *
 * const [own, other] = allChoices(config.parse({}));
 * assert.deepEqual([own.sample_size, other.sample_size], ["at_most", "at_least"]);
 * assert.equal(other.name, "examples: max(size, 10000)");
 * ```
 */
export function allChoices(config: Config): Choice[] {
  const measure = ({ similarity }: Similarity) => similarity;
  const own: Choice = { ...config, name: "as configured", measure };
  const change = (name: string, changes: Partial<Choice>): Choice => ({ ...own, ...changes, name });
  const weigh = (name: string, cosine: number, jaccard: number, jensen_shannon: number) =>
    change(name, { weights: { cosine, jaccard, jensen_shannon } });
  const { max_examples } = config;
  const others = [
    config.sample_size === "at_most"
      ? change(`examples: max(size, ${max_examples})`, { sample_size: "at_least" })
      : change(`examples: min(size, ${max_examples})`, { sample_size: "at_most" }),
    config.mixture_by === "tokens"
      ? change("mixtures by shares of documents", { mixture_by: "documents" })
      : change("mixtures by shares of tokens", { mixture_by: "tokens" }),
    config.against === "mixture"
      ? change("specialised source alone", { against: "specialised" })
      : change("mixture at its weights", { against: "mixture" }),
    config.log_base === 2
      ? change("natural logarithm", { log_base: Math.E })
      : change("logarithm of base 2", { log_base: 2 }),
    config.jensen_shannon === "divergence"
      ? change("Jensen-Shannon distance", { jensen_shannon: "distance" })
      : change("Jensen-Shannon divergence", { jensen_shannon: "divergence" }),
    weigh("unweighted mean of the three", 1 / 3, 1 / 3, 1 / 3),
    weigh("cosine alone", 1, 0, 0),
    weigh("Jaccard alone", 0, 1, 0),
    weigh("1 - Jensen-Shannon alone", 0, 0, 1),
    change("overlap alone", { measure: ({ overlap }) => overlap }),
  ];
  return [own, ...others];
}
