/**
 * Choosing the next token.
 *
 * @module
 */
import { Random } from "../random/mod.ts";

export interface SamplingOptions {
  /** 0 chooses the likeliest token; 1 samples from the model's distribution; higher values flatten it. */
  readonly temperature: number;
  /** Samples among this many of the likeliest tokens; 0 (default): all. Applied before `top_p`. */
  readonly top_k?: number;
  /** Samples among the likeliest tokens with this total probability (Holtzman et al., 2020); 1: all. */
  readonly top_p: number;
  /** Samples among tokens with at least this share of the likeliest one's probability; 0 (default): all. */
  readonly min_p?: number;
  /** Divides the positive logits of tokens that the text has, and multiplies the negative ones (Keskar et al., 2019); 1: none. */
  readonly repetition_penalty?: number;
}

/**
 * The likeliest token; the first one of equals.
 *
 * @param logits of the vocabulary.
 */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if (logits[token] > logits[best]) best = token;
  }
  return best;
}

/** The logits with those of the tokens that a text has penalized, prompt included. */
export function penalizeRepeats(
  logits: Float32Array,
  seen: Iterable<number>,
  penalty: number,
): Float32Array {
  if (penalty === 1) return logits;
  const result = logits.slice();
  for (const token of new Set(seen)) {
    if (token < result.length) {
      result[token] = result[token] < 0 ? result[token] * penalty : result[token] / penalty;
    }
  }
  return result;
}

/**
 * Samples a token with probability proportional to exp(logit / temperature), among the nucleus of the `top_k` likeliest,
 * without those that `min_p` leaves out.
 *
 * Tokens are sorted by probability, then by id, so that a number always gives the same token.
 *
 * @param uniform a number in [0, 1).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { drawToken } from "./sampling.ts";
 *
 * const logits = Float32Array.of(0, Math.log(3)); // probabilities 1/4 and 3/4
 * assert.equal(drawToken(logits, { temperature: 1, top_p: 1 }, 0.74), 1);
 * assert.equal(drawToken(logits, { temperature: 1, top_p: 1 }, 0.76), 0);
 * assert.equal(drawToken(logits, { temperature: 1, top_p: 0.7 }, 0.76), 1);
 * assert.equal(drawToken(logits, { temperature: 1, top_k: 1, top_p: 1 }, 0.76), 1);
 * ```
 */
export function drawToken(
  logits: Float32Array,
  { temperature, top_k = 0, top_p, min_p = 0 }: SamplingOptions,
  uniform: number,
): number {
  const largest = logits[likeliest(logits)];
  const weights = Float64Array.from(logits, (z) => Math.exp((z - largest) / temperature));
  const order = Uint32Array.from(weights, (_, token) => token)
    .sort((a, b) => weights[b] - weights[a] || a - b)
    .subarray(0, top_k || undefined);
  const total = order.reduce((sum, token) => sum + weights[token], 0);
  let size = 0, kept = 0;
  while (size < order.length && (size === 0 || kept < top_p * total)) {
    // The likeliest has weight 1.
    if (weights[order[size]] < min_p) break;
    kept += weights[order[size++]];
  }
  let left = uniform * kept;
  for (let i = 0; i < size; i++) {
    left -= weights[order[i]];
    if (left < 0) return order[i];
  }
  return order[size - 1]; // rounding
}

/**
 * Chooses the token at a position of a text.
 *
 * @param seen tokens of the text so far, for the repetition penalty.
 * @param at.sample number of the text among all that are generated with the seed.
 * @param at.position tokens generated before.
 */
export function chooseToken(
  logits: Float32Array,
  options: SamplingOptions,
  at: { seed: number; sample: number; position: number },
  seen: Iterable<number> = [],
): number {
  const { repetition_penalty = 1 } = options;
  logits = penalizeRepeats(logits, seen, repetition_penalty);
  if (options.temperature === 0) return likeliest(logits);
  const random = new Random(at.seed, `generate/${at.sample}`, at.position);
  return drawToken(logits, options, random.uniform());
}
