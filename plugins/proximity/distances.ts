/**
 * Similarities between general data, mixtures and targets, under one choice of options after the other.
 *
 * @module
 */
import {
  compareFrequencies,
  type CountCache,
  mixFrequencies,
  type Weights,
} from "../../core/analysis/mod.ts";
import type { DocumentSet } from "../../core/batches/mod.ts";
import type { Choice } from "./choices.ts";
import type { Pair } from "./pairs.ts";

/** The two legs from general data to a target, and the direct way. Similarities: higher is nearer. */
export interface Distances {
  readonly general_to_mixture: number;
  readonly mixture_to_target: number;
  readonly general_to_target: number;
}

/** Counts every source and mixture once for each way of counting. */
export class Proximities {
  readonly #frequencies = new Map<string, Float64Array>();
  readonly #counts: CountCache = new Map();

  constructor(
    readonly sets: ReadonlyMap<string, DocumentSet>,
    readonly general: string,
    readonly seed: number,
  ) {}

  /** @throws {Error} when a source is not there, or its documents hold no text. */
  measure({ specialised, mixture, target }: Pair, choice: Choice): Distances {
    const [from, over, to] = [
      { [this.general]: 1 },
      choice.against === "mixture" ? mixture : { [specialised]: 1 },
      { [target]: 1 },
    ].map((weights) => this.#of(weights, choice));
    const between = (p: Float64Array, q: Float64Array) =>
      choice.measure(compareFrequencies(p, q, choice));
    return {
      general_to_mixture: between(from, over),
      mixture_to_target: between(over, to),
      general_to_target: between(from, to),
    };
  }

  #of(weights: Weights, { max_examples, examples, mixture_by }: Choice): Float64Array {
    const key = JSON.stringify([weights, max_examples, examples, mixture_by]);
    const known = this.#frequencies.get(key);
    if (known) return known;
    const sampling = { max_examples, examples, mixture_by };
    const frequencies = mixFrequencies(this.sets, weights, sampling, this.seed, this.#counts);
    this.#frequencies.set(key, frequencies);
    return frequencies;
  }
}
