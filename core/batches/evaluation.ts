import { pack, type PackingOptions } from "./packing.ts";
import { example, exampleLabels, type Sequence } from "./sequence.ts";
import type { DocumentSet } from "./token_set.ts";

export interface EvaluationOptions {
  /** Longest input, T. */
  readonly sequence_length: number;
  /** "packed": documents put together as in pretraining; "examples": whole documents, as in fine-tuning. */
  readonly mode: "packed" | "examples";
  /** Most sequences to take. */
  readonly max_sequences: number;
  /** How documents are packed; concatenated and cut by default. */
  readonly packing?: Omit<PackingOptions, "sequence_length">;
}

const CONCATENATE = { packing: "concatenate", document_mask: false } as const;

/**
 * The sequences to measure a held-out loss on: always the same ones in the same order.
 *
 * When there are more than `max_sequences`, they are taken at even distances over the whole set, because a set
 * often holds one kind of document after the other.
 *
 * @throws {Error} when the set gives no sequence with a token to predict.
 */
export function evaluationSequences(set: DocumentSet, options: EvaluationOptions): Sequence[] {
  const { sequence_length, mode, max_sequences } = options;
  for (const [name, value] of Object.entries({ sequence_length, max_sequences })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new Error(`${name} is ${value}; it must be a whole number of at least 1`);
    }
  }
  const { count, sequence } = mode === "packed" ? packed(set, options) : examples(set, options);
  if (count === 0) {
    throw new Error(
      `source "${set.name}" (${set.documents} documents, ${set.token_count} tokens) gives no sequence to ` +
        `evaluate on: add documents, or ${
          mode === "packed"
            ? `lower sequence_length (${sequence_length})`
            : `check the prompts and sequence_length (${sequence_length})`
        }`,
    );
  }
  const taken = Math.min(count, max_sequences);
  return Array.from({ length: taken }, (_, i) => sequence(Math.floor((i * count) / taken)));
}

interface Source {
  readonly count: number;
  sequence(index: number): Sequence;
}

function packed(set: DocumentSet, { sequence_length, packing }: EvaluationOptions): Source {
  const blocks = pack(set, { ...packing ?? CONCATENATE, sequence_length });
  return { count: blocks.blocks, sequence: (index) => blocks.block(index) };
}

function examples(set: DocumentSet, { sequence_length }: EvaluationOptions): Source {
  const usable = documentsWithLabels(set, sequence_length);
  return {
    count: usable.length,
    sequence: (index) => example(set, usable[index], sequence_length),
  };
}

/** Documents of which, truncated to T + 1 tokens, any token counts as a label. */
export function documentsWithLabels(set: DocumentSet, sequence_length: number): number[] {
  return [...Array(set.documents).keys()].filter((i) => exampleLabels(set, i, sequence_length) > 0);
}
