import { permute } from "../random/mod.ts";
import { documentsWithLabels } from "./evaluation.ts";
import { example, type Sequence } from "./sequence.ts";
import type { DocumentSet } from "./token_set.ts";

/**
 * What becomes of documents of more than T + 1 tokens: cut to that length, so that they lose their end-of-text token;
 * left out; or an error.
 */
export type Overlong = "truncate" | "skip" | "error";

export interface ExampleOptions {
  readonly sets: readonly DocumentSet[];
  /** Longest input, T. */
  readonly sequence_length: number;
  readonly overlong: Overlong;
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
  /** Documents of more than T + 1 tokens. */
  readonly overlong: number;
  readonly #options: ExampleOptions;
  /** Set and document of each example. */
  readonly #places: { set: DocumentSet; document: number }[];

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
    this.#options = options;
    const usable = sets.flatMap((set) =>
      documentsWithLabels(set, sequence_length).map((document) => ({ set, document }))
    );
    const documents = sets.reduce((sum, set) => sum + set.documents, 0);
    const names = sets.map((set) => `"${set.name}"`).join(", ");
    const long = sets.reduce((sum, set) => sum + countOverlong(set, sequence_length), 0);
    if (long > 0 && options.overlong === "error") {
      throw new Error(
        `${long} of the ${documents} documents of ${names} are longer than ${
          sequence_length + 1
        } ` +
          `tokens: raise sequence_length, or set overlong to "truncate" or "skip"`,
      );
    }
    this.#places = options.overlong === "skip"
      ? usable.filter(({ set, document }) => !isOverlong(set, document, sequence_length))
      : usable;
    this.overlong = long;
    this.examples = this.#places.length;
    this.skipped = documents - usable.length;
    if (this.examples === 0) {
      throw new Error(
        `none of the ${documents} documents of ${names} has a ` +
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
      const chosen = permute(place, this.examples, seed, `examples/${phase}`, epoch);
      const { set, document } = this.#places[chosen];
      return example(set, document, this.#options.sequence_length);
    });
  }
}

function isOverlong({ offsets }: DocumentSet, document: number, sequence_length: number): boolean {
  return offsets[document + 1] - offsets[document] > sequence_length + 1;
}

function countOverlong(set: DocumentSet, sequence_length: number): number {
  let count = 0;
  for (let i = 0; i < set.documents; i++) if (isOverlong(set, i, sequence_length)) count++;
  return count;
}
