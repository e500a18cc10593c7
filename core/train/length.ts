/**
 * Lengths in optimizer steps or in tokens.
 *
 * @module
 */

/** A length: one of the two, or neither. */
export interface Length {
  readonly steps?: number;
  readonly tokens?: number;
}

/** What makes up a step: its rows, and the input tokens of each. */
export interface StepSize {
  readonly global_batch_size: number;
  readonly sequence_length: number;
}

/**
 * A length in optimizer steps.
 *
 * @param field the config's name of the length in tokens, for the message.
 * @returns undefined when no length is given.
 * @throws {Error} naming the nearest lengths when the tokens are no whole number of steps.
 */
export function lengthSteps(
  { steps, tokens }: Length,
  { global_batch_size, sequence_length }: StepSize,
  field = "tokens",
): number | undefined {
  if (tokens === undefined) return steps;
  const each = global_batch_size * sequence_length;
  if (tokens % each === 0) return tokens / each;
  const below = Math.floor(tokens / each) * each;
  const nearest = below === 0 ? `${each}` : `${below} or ${below + each}`;
  throw new Error(
    `${field} ${tokens} is no whole number of steps of ${global_batch_size} × ${sequence_length} = ` +
      `${each} tokens: take ${nearest}`,
  );
}
