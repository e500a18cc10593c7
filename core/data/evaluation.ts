import { example, packedBlock, packedBlocks, type Sequence, supervisedTokens } from "./sequence.ts";
import type { TokenSet } from "./token_set.ts";

export interface EvaluationOptions {
  /** Longest input, T. */
  readonly sequence_length: number;
  /** "packed": documents concatenated and cut, as in pretraining; "examples": whole documents, as in fine-tuning. */
  readonly mode: "packed" | "examples";
  /** Most sequences to take. */
  readonly max_sequences: number;
}

/**
 * The sequences to measure a held-out loss on: always the same ones in the same order.
 *
 * When there are more than `max_sequences`, they are taken at even distances over the whole set, because a set
 * often holds one kind of document after the other.
 *
 * @throws {Error} when the set gives no sequence with a token to predict.
 */
export function evaluationSequences(
  set: TokenSet,
  { sequence_length, mode, max_sequences }: EvaluationOptions,
): Sequence[] {
  if (!Number.isSafeInteger(max_sequences) || max_sequences < 1) {
    throw new Error(`max_sequences is ${max_sequences}; it must be a whole number of at least 1`);
  }
  if (!Number.isSafeInteger(sequence_length) || sequence_length < 1) {
    throw new Error(
      `sequence_length is ${sequence_length}; it must be a whole number of at least 1`,
    );
  }
  const all = mode === "packed"
    ? Array.from(
      { length: packedBlocks(set, sequence_length) },
      (_, i) => packedBlock(set, i, sequence_length),
    )
    : Array.from({ length: set.documents }, (_, i) => example(set, i, sequence_length)).filter((
      sequence,
    ) => supervisedTokens(sequence) > 0);
  if (all.length === 0) {
    throw new Error(
      `source "${set.name}" (${set.documents} documents, ${set.tokens.length} tokens) gives no sequence to ` +
        `evaluate on: add documents, or ${
          mode === "packed"
            ? `lower sequence_length (${sequence_length})`
            : `check the prompts and sequence_length (${sequence_length})`
        }`,
    );
  }
  const taken = Math.min(all.length, max_sequences);
  return Array.from({ length: taken }, (_, i) => all[Math.floor((i * all.length) / taken)]);
}
