/**
 * Whole documents as rows: examples for fine-tuning, and the sequences of an eval set.
 *
 * @module
 */
import { z } from "zod";
import { requireInteger } from "../config/mod.ts";
import { permute } from "../random/mod.ts";
import { counted } from "../words/mod.ts";
import type { Sampler, Sequence } from "./batch.ts";
import { pack, type PackingConfig } from "./packing.ts";
import type { DocumentSet } from "./token_set.ts";

/** Document `index` as a row, truncated to T + 1 tokens, its prompt masked. */
export function example(set: DocumentSet, index: number, sequence_length: number): Sequence {
  const start = set.offsets[index];
  return {
    tokens: set.read(start, Math.min(set.offsets[index + 1], start + sequence_length + 1)),
    prompt_length: set.prompt_lengths[index],
    source: set.name,
  };
}

/** Number of labels that count in document `index` truncated to T + 1 tokens; does not read it. */
function exampleLabels(set: DocumentSet, index: number, sequence_length: number): number {
  const length = Math.min(set.offsets[index + 1] - set.offsets[index], sequence_length + 1);
  return Math.max(0, length - Math.max(1, set.prompt_lengths[index]));
}

/**
 * Documents of more than T + 1 tokens: "truncate" cuts them, so that they lose their end-of-text token; "skip" leaves
 * them out; "error" refuses to train.
 */
export const overlong_schema = z.enum(["truncate", "skip", "error"]).default("truncate");
export type Overlong = z.output<typeof overlong_schema>;

export interface ExampleOptions {
  readonly sets: readonly DocumentSet[];
  /** Longest input, T. */
  readonly sequence_length: number;
  readonly overlong: Overlong;
  /** Examples per optimizer step. */
  readonly global_batch_size: number;
  /** Passes over the examples; may be a fraction. */
  readonly epochs: number;
  readonly seed: number;
  /** Name of the phase; the order depends on it. */
  readonly phase: string;
}

/** What `epochs` passes over some examples are, in optimizer steps. */
export interface Passes {
  readonly steps: number;
  /** Examples drawn in all passes: epochs · examples, rounded, at least 1. */
  readonly drawn: number;
  /** Examples of every batch but the last: the global batch, or all examples where there are fewer. */
  readonly batch_size: number;
  /** Examples of the last batch. */
  readonly last_batch_size: number;
  /** Passes that are made: `epochs`, rounded to whole examples. */
  readonly epochs: number;
}

/**
 * The steps of `epochs` passes. The last batch has what is left, and no batch has an example twice because there are
 * fewer examples than it could take: 3 examples for 2 epochs are 2 steps of 3, whatever the batch size.
 */
export function passesOver(
  examples: number,
  { epochs, global_batch_size }: Pick<ExampleOptions, "epochs" | "global_batch_size">,
): Passes {
  const drawn = Math.max(1, Math.round(epochs * examples));
  const batch_size = Math.max(1, Math.min(global_batch_size, examples));
  const steps = Math.ceil(drawn / batch_size);
  const last_batch_size = drawn - (steps - 1) * batch_size;
  return { steps, drawn, batch_size, last_batch_size, epochs: drawn / Math.max(1, examples) };
}

/**
 * Draws whole documents as examples for supervised fine-tuning, in a new random order each epoch. A batch may
 * span two epochs; the last one may be smaller. Any step's batch is computed directly.
 */
export class ExampleSampler implements Sampler {
  readonly passes: Passes;
  /** Examples in one epoch. */
  readonly examples: number;
  /** Documents left out because they have no label: a single token, or all prompt once truncated. */
  readonly skipped: number;
  /** Documents of more than T + 1 tokens. */
  readonly overlong: number;
  /** Examples that are cut; 0 unless `overlong` is "truncate". */
  readonly truncated: number;
  readonly #options: ExampleOptions;
  /** Set and document of each example. */
  readonly #places: { set: DocumentSet; document: number }[];

  /** @throws {Error} when no document has a token to learn, or an option is out of range. */
  constructor(options: ExampleOptions) {
    const { sets, sequence_length, global_batch_size, epochs } = options;
    requireInteger("sequence_length", sequence_length, 1);
    requireInteger("global_batch_size", global_batch_size, 1);
    if (!(Number.isFinite(epochs) && epochs > 0)) {
      throw new Error(`epochs must be a number above 0, got ${epochs}`);
    }
    this.#options = options;
    const usable = sets.flatMap((set) =>
      documentsWithLabels(set, sequence_length).map((document) => ({ set, document }))
    );
    const documents = sets.reduce((sum, set) => sum + set.documents, 0);
    const names = sets.map((set) => `"${set.name}"`).join(", ");
    if (sets.length === 0) throw new Error("there are no sources to train on");
    const twice = sets.find((set, i) => sets.indexOf(set) < i);
    if (twice) throw new Error(`source "${twice.name}" is listed twice; name each source once`);
    const long = sets.reduce((sum, set) => sum + longDocuments(set, sequence_length), 0);
    if (long > 0 && options.overlong === "error") {
      throw new Error(
        `documents of ${names} longer than ${counted(sequence_length + 1, "token")}: ${long} of ` +
          `${documents}; raise sequence_length, or set overlong to "truncate" ` +
          'or "skip"',
      );
    }
    this.#places = options.overlong === "skip"
      ? usable.filter(({ set, document }) => !isOverlong(set, document, sequence_length))
      : usable;
    this.overlong = long;
    this.truncated = options.overlong === "truncate"
      ? usable.filter(({ set, document }) => isOverlong(set, document, sequence_length)).length
      : 0;
    this.examples = this.#places.length;
    this.skipped = documents - usable.length;
    if (this.examples === 0) {
      throw new Error(
        `no document of ${names} has a token to learn within ${
          counted(sequence_length, "token")
        } ` +
          `(${counted(documents, "document")}); check the prompts, or raise sequence_length`,
      );
    }
    this.passes = passesOver(this.examples, options);
  }

  /** Optimizer steps. */
  get steps(): number {
    return this.passes.steps;
  }

  /**
   * The examples of one step.
   *
   * @param step counted from 0.
   * @returns `passes.batch_size` sequences of 2 to `sequence_length + 1` tokens; fewer in the last step.
   */
  batch(step: number): Sequence[] {
    const { seed, phase } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= this.steps) {
      throw new RangeError(`phase "${phase}" has ${this.steps} steps; there is no step ${step}`);
    }
    const { batch_size, last_batch_size } = this.passes;
    const length = step === this.steps - 1 ? last_batch_size : batch_size;
    return Array.from({ length }, (_, i) => {
      const drawn = step * batch_size + i;
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

function longDocuments({ offsets }: DocumentSet, sequence_length: number): number {
  return offsets.subarray(1).filter((end, i) => end - offsets[i] > sequence_length + 1).length;
}

export interface EvaluationOptions {
  /** Longest input, T. */
  readonly sequence_length: number;
  /** "packed": documents packed as in pretraining; "examples": whole documents, as in fine-tuning. */
  readonly mode: "packed" | "examples";
  /** Most sequences to take. */
  readonly max_sequences: number;
  /** How documents are packed; concatenated and cut by default. */
  readonly packing?: PackingConfig;
}

const CONCATENATE = { packing: "concatenate", document_mask: false } as const;

/**
 * The sequences on which an eval loss is measured: always the same ones in the same order.
 *
 * When there are more than `max_sequences`, they are taken at even distances over the whole set, because a set is often
 * sorted by the kind of document.
 *
 * @throws {Error} when no sequence of the set has a token to predict.
 */
export function evaluationSequences(set: DocumentSet, options: EvaluationOptions): Sequence[] {
  const { sequence_length, mode, max_sequences } = options;
  requireInteger("sequence_length", sequence_length, 1);
  requireInteger("max_sequences", max_sequences, 1);
  const { count, sequence } = sequencesOf(set, options);
  if (count === 0) {
    const fix = mode === "packed"
      ? "lower sequence_length"
      : "check the prompts and sequence_length";
    throw new Error(
      `source "${set.name}" (${counted(set.documents, "document")}, ${
        counted(set.token_count, "token")
      }) has no sequence ` +
        `to evaluate on; add documents, or ${fix} (${sequence_length})`,
    );
  }
  const taken = Math.min(count, max_sequences);
  return Array.from({ length: taken }, (_, i) => sequence(Math.floor((i * count) / taken)));
}

/** All sequences that a set has in a mode. */
function sequencesOf(
  set: DocumentSet,
  { sequence_length, mode, packing = CONCATENATE }: EvaluationOptions,
): { count: number; sequence(index: number): Sequence } {
  if (mode === "packed") {
    const all = pack(set, { ...packing, sequence_length });
    return { count: all.sequence_count, sequence: (index) => all.sequence(index) };
  }
  const usable = documentsWithLabels(set, sequence_length);
  const sequence = (index: number) => example(set, usable[index], sequence_length);
  return { count: usable.length, sequence };
}

/** Documents with at least one label once truncated to T + 1 tokens. */
function documentsWithLabels(set: DocumentSet, sequence_length: number): number[] {
  return [...Array(set.documents).keys()].filter((i) => exampleLabels(set, i, sequence_length) > 0);
}
