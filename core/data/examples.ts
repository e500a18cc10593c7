import { permute } from "../random/mod.ts";
import { example, type Sequence, supervisedTokens } from "./sequence.ts";
import type { TokenSet } from "./token_set.ts";

export interface ExampleOptions {
  readonly sets: readonly TokenSet[];
  /** Longest input, T: documents are truncated to T + 1 tokens. */
  readonly sequence_length: number;
  /** Examples per optimizer step. */
  readonly global_batch_size: number;
  /** Passes over the examples; need not be whole. */
  readonly epochs: number;
  readonly seed: number;
  /** Name of the phase; the order depends on it. */
  readonly phase: string;
}

/**
 * Draws whole documents as examples for supervised fine-tuning, in a new random order each epoch. A batch may
 * span two epochs. Any step's batch is computed directly.
 */
export class ExampleSampler {
  /** Optimizer steps: floor(epochs · examples / batch), at least 1. */
  readonly steps: number;
  /** Examples in one epoch. */
  readonly examples: number;
  /** Documents left out because none of their tokens can be a label: one token, or all prompt once truncated. */
  readonly skipped: number;
  readonly #options: ExampleOptions;
  readonly #sequences: Sequence[];

  /** @throws {Error} when no document has a token to learn, or an option is out of range. */
  constructor(options: ExampleOptions) {
    const { sets, sequence_length, global_batch_size, epochs } = options;
    for (const [name, value] of Object.entries({ sequence_length, global_batch_size })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new Error(`${name} is ${value}; it must be a whole number of at least 1`);
      }
    }
    if (!(Number.isFinite(epochs) && epochs > 0)) {
      throw new Error(`epochs is ${epochs}; it must be a number above 0`);
    }
    const all = sets.flatMap((set) =>
      Array.from({ length: set.documents }, (_, i) => example(set, i, sequence_length))
    );
    this.#options = options;
    this.#sequences = all.filter((sequence) => supervisedTokens(sequence) > 0);
    this.examples = this.#sequences.length;
    this.skipped = all.length - this.examples;
    if (this.examples === 0) {
      throw new Error(
        `none of the ${all.length} documents of ${
          sets.map((set) => `"${set.name}"`).join(", ")
        } has a ` +
          `token to learn within ${sequence_length} tokens: check the prompts, or raise sequence_length`,
      );
    }
    this.steps = Math.max(1, Math.floor((epochs * this.examples) / global_batch_size));
  }

  /**
   * The examples of one step.
   *
   * @param step counted from 0.
   * @returns `global_batch_size` sequences of 2 to `sequence_length + 1` tokens.
   */
  batch(step: number): Sequence[] {
    const { global_batch_size, seed, phase } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= this.steps) {
      throw new RangeError(
        `step ${step} is not one of the ${this.steps} steps of phase "${phase}"`,
      );
    }
    return Array.from({ length: global_batch_size }, (_, i) => {
      const drawn = step * global_batch_size + i;
      const epoch = Math.floor(drawn / this.examples);
      const place = drawn % this.examples;
      return this.#sequences[permute(place, this.examples, seed, `examples/${phase}`, epoch)];
    });
  }
}
