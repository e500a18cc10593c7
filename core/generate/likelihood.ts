/**
 * Log-likelihoods of given texts, for multiple choice.
 *
 * @module
 */
import type { Weights } from "../model/mod.ts";
import type { Decoder } from "./decoder.ts";

/** A text in two parts: the given one and the measured one. */
export interface Continuation {
  /** At least one token. */
  readonly prompt: ArrayLike<number>;
  readonly tokens: ArrayLike<number>;
}

/**
 * Log p(tokens | prompt) of each continuation, in nats: the sum over its tokens, each given all before it. It does not
 * depend on the other continuations.
 *
 * @param onBatch called after each batch with the number of continuations done.
 * @throws {Error} for an empty prompt, and for a text that is longer than the model's positions.
 */
export async function logLikelihoods(
  decoder: Decoder,
  weights: Weights,
  continuations: readonly Continuation[],
  onBatch?: (done: number) => void,
): Promise<Float64Array> {
  const result = new Float64Array(continuations.length);
  const length = ({ prompt, tokens }: Continuation) => prompt.length + tokens.length;
  // Texts of similar length share batches.
  const order = continuations.map((_, i) => i)
    .sort((a, b) => length(continuations[a]) - length(continuations[b]));
  const { batch_size } = decoder.options;
  for (let start = 0; start < order.length; start += batch_size) {
    const members = order.slice(start, start + batch_size);
    const batch = members.map((i) => continuations[i]);
    const sums = await batchLikelihoods(decoder, weights, batch);
    members.forEach((i, row) => result[i] = sums[row]);
    onBatch?.(start + members.length);
  }
  return result;
}

async function batchLikelihoods(
  decoder: Decoder,
  weights: Weights,
  batch: readonly Continuation[],
): Promise<Float64Array> {
  if (batch.some(({ prompt }) => prompt.length === 0)) {
    throw new Error("a likelihood needs a prompt; start with the end-of-text token");
  }
  // The state of the last token is not needed.
  const inputs = batch.map(({ prompt, tokens }) =>
    [...Array.from(prompt), ...Array.from(tokens)].slice(0, -1)
  );
  const states = await decoder.begin(weights).append(inputs);
  const measured = batch.flatMap(({ prompt, tokens }, row) =>
    Array.from(tokens, (token, i) => ({ row, token, state: states[row][prompt.length - 1 + i] }))
  );
  const logs = await decoder.logLikelihoods(
    weights,
    measured.map(({ state }) => state),
    measured.map(({ token }) => token),
  );
  const sums = new Float64Array(batch.length);
  measured.forEach(({ row }, i) => sums[row] += logs[i]);
  return sums;
}
