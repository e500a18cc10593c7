import type { DocumentSet, TokenIds } from "./token_set.ts";

/**
 * One row of a batch before padding: inputs are all tokens but the last, labels all but the first.
 */
export interface Sequence {
  /** At most `sequence_length + 1` tokens. */
  readonly tokens: TokenIds;
  /** Loss is taken on tokens from this index on; token 0 is never a label, whatever this says. */
  readonly prompt_length: number;
  /**
   * Offsets in `tokens` at which a new document begins that must not see what stands before it, ascending. Absent: the
   * row is one context.
   */
  readonly starts?: readonly number[];
  /** Name of the token set. */
  readonly source: string;
}

/**
 * Number of labels of a sequence that count in the loss. The first token of a document that must not see what stands
 * before it is none: it would be predicted from the end of another document, which says nothing of it, and the same
 * document in a row of its own has no such label either.
 */
export function supervisedTokens({ tokens, prompt_length, starts = [] }: Sequence): number {
  const first = Math.max(1, prompt_length);
  const hidden = starts.filter((start) => start >= first && start < tokens.length).length;
  return Math.max(0, tokens.length - first) - hidden;
}

/** Document `index` on its own, truncated to T + 1 tokens, with its prompt masked. */
export function example(set: DocumentSet, index: number, sequence_length: number): Sequence {
  const start = set.offsets[index];
  return {
    tokens: set.read(start, Math.min(set.offsets[index + 1], start + sequence_length + 1)),
    prompt_length: set.prompt_lengths[index],
    source: set.name,
  };
}

/** Number of labels that count in document `index` truncated to T + 1 tokens, without reading it. */
export function exampleLabels(set: DocumentSet, index: number, sequence_length: number): number {
  const length = Math.min(set.offsets[index + 1] - set.offsets[index], sequence_length + 1);
  return Math.max(0, length - Math.max(1, set.prompt_lengths[index]));
}
