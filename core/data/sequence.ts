import type { TokenSet } from "./token_set.ts";

/**
 * One row of a batch before padding: inputs are all tokens but the last, labels all but the first.
 */
export interface Sequence {
  /** A view into the token set, of at most `sequence_length + 1` tokens. Must not be changed. */
  readonly tokens: Uint16Array;
  /** Loss is taken on tokens from this index on; token 0 is never a label, whatever this says. */
  readonly prompt_length: number;
  /** Name of the token set. */
  readonly source: string;
}

/** Number of labels of a sequence that count in the loss. */
export function supervisedTokens({ tokens, prompt_length }: Sequence): number {
  return Math.max(0, tokens.length - Math.max(1, prompt_length));
}

/**
 * Number of blocks a set is cut into when documents are concatenated and cut: the remainder is dropped.
 *
 * @param sequence_length input tokens per sequence, T.
 */
export function packedBlocks(set: TokenSet, sequence_length: number): number {
  return Math.floor(set.tokens.length / (sequence_length + 1));
}

/**
 * Block `index` of the concatenated documents: tokens [i (T + 1), (i + 1) (T + 1)), as LitGPT cuts them. The
 * first T are inputs, the last T labels, so that neighbouring blocks share no token. Loss is taken on all of
 * them: prompts are masked only when documents stay whole.
 */
export function packedBlock(set: TokenSet, index: number, sequence_length: number): Sequence {
  const size = sequence_length + 1;
  return {
    tokens: set.tokens.subarray(index * size, (index + 1) * size),
    prompt_length: 0,
    source: set.name,
  };
}

/** Document `index` on its own, truncated to T + 1 tokens, with its prompt masked. */
export function example(set: TokenSet, index: number, sequence_length: number): Sequence {
  const start = set.offsets[index];
  return {
    tokens: set.tokens.subarray(
      start,
      Math.min(set.offsets[index + 1], start + sequence_length + 1),
    ),
    prompt_length: set.prompt_lengths[index],
    source: set.name,
  };
}
