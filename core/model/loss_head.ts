/**
 * The output projection and the cross-entropy, in chunks of rows.
 *
 * Logits are the largest tensors of a step, [N, V]. Forward and backward of a chunk follow each other, so that only
 * one chunk's logits stand at a time, small enough for the cache where the vocabulary allows.
 *
 * @module
 */
import {
  accumulate,
  add,
  concat,
  gradients,
  linear,
  mul,
  softmaxCrossEntropy,
  split,
  sum,
  type Value,
} from "../graph/mod.ts";

interface LossInputs {
  /** [N, D], after the final norm. */
  final: Value;
  /** [V, D] */
  embed_out: Value;
  /** int32 [N] */
  labels: Value;
  /** float32 [N]: share of each position in the mean. */
  weights: Value;
}

/** Most bytes of logits in a chunk. */
const CHUNK_BYTES = 8 << 20;

/** Each chunk reads and writes the whole gradient of `embed_out` once, so there must not be too many. */
const MAX_CHUNKS = 8;

/** Number of chunks that cuts `rows` evenly and keeps a chunk's logits within bounds if it can. */
export function chunkCount(rows: number, vocab_size: number): number {
  const wanted = Math.min(MAX_CHUNKS, Math.ceil(rows * vocab_size * 4 / CHUNK_BYTES));
  for (let chunks = wanted; chunks <= MAX_CHUNKS; chunks++) if (rows % chunks === 0) return chunks;
  for (let chunks = wanted; chunks > 1; chunks--) if (rows % chunks === 0) return chunks;
  return 1;
}

function chunksOf({ final, embed_out, labels, weights }: LossInputs) {
  const chunks = chunkCount(final.shape[0], embed_out.shape[0]);
  const parts = (value: Value) => chunks === 1 ? [value] : split(value, 0, chunks);
  const [rows, label_rows, weight_rows] = [final, labels, weights].map(parts);
  return rows.map((hidden, i) => ({
    hidden,
    loss: () =>
      sum(mul(softmaxCrossEntropy(linear(hidden, embed_out), label_rows[i]), weight_rows[i])),
  }));
}

/** Σ_i weights_i · (-log p(labels_i)), a scalar in nats. */
export function chunkedLoss(inputs: LossInputs): Value {
  return chunksOf(inputs).map(({ loss }) => loss()).reduce((a, b) => add(a, b));
}

/**
 * The loss of {@linkcode chunkedLoss} with its gradients.
 *
 * @param gradient [V, D], the gradient of `embed_out` accumulated so far.
 * @returns the loss, its gradient with respect to `final` [N, D], and the accumulated gradient of `embed_out`.
 */
export function lossHead({ gradient, ...inputs }: LossInputs & { gradient: Value }) {
  let embed_out_gradient = gradient;
  const losses: Value[] = [];
  const final_gradients = chunksOf(inputs).map(({ hidden, loss }) => {
    const value = loss();
    losses.push(value);
    const [d_hidden, d_embed_out] = gradients(value, [hidden, inputs.embed_out]);
    embed_out_gradient = accumulate(embed_out_gradient, d_embed_out);
    return d_hidden;
  });
  const final_gradient = final_gradients.length === 1
    ? final_gradients[0]
    : concat(final_gradients, 0);
  return { loss: losses.reduce((a, b) => add(a, b)), final_gradient, embed_out_gradient };
}
