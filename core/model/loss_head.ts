/**
 * The output projection and the cross-entropy, in chunks of rows.
 *
 * Logits are the largest tensors of a step, [N, V]. The backward pass of a chunk follows its forward pass, so only one
 * chunk's logits are in memory at a time, small enough for the cache where the vocabulary allows.
 *
 * @module
 */
import {
  add,
  concat,
  gather,
  gemm,
  mul,
  reshape,
  sizeOf,
  softmaxCrossEntropy,
  split,
  sub,
  sum,
  transpose,
  type Value,
} from "../graph/mod.ts";

interface LossInputs {
  /** [N, D], after the final norm. */
  final: Value;
  /** [V, D], or [D, V] where it is kept transposed. */
  embed_out: Value;
  transposed: boolean;
  /** int32 [N] */
  labels: Value;
  /** float32 [N]: share of each position in the mean. */
  loss_weights: Value;
}

/** Most bytes of a chunk's logits if the gradient of `embed_out` fits in the cache as well. */
const CACHED_CHUNK_BYTES = 8 << 20;

/**
 * Most bytes of a chunk's logits otherwise. Each chunk then costs another pass over that gradient in memory, and a
 * thinner product, so chunks are as large as memory allows.
 */
const CHUNK_BYTES = 256 << 20;

/** Number of equal chunks that keep a chunk's logits within bounds, or close to them if `rows` has no such divisor. */
export function chunkCount(rows: number, vocab_size: number, width: number): number {
  const cached = vocab_size * width * 4 <= CACHED_CHUNK_BYTES;
  const bytes = cached ? CACHED_CHUNK_BYTES : CHUNK_BYTES;
  const wanted = Math.ceil(rows * vocab_size * 4 / bytes);
  for (let chunks = wanted; chunks <= 2 * wanted; chunks++) if (rows % chunks === 0) return chunks;
  for (let chunks = wanted; chunks > 1; chunks--) if (rows % chunks === 0) return chunks;
  return 1;
}

function chunksOf({ final: { shape: [rows, width] }, embed_out }: LossInputs) {
  const vocab_size = sizeOf(embed_out.shape) / width;
  const chunks = chunkCount(rows, vocab_size, width);
  return (value: Value) => chunks === 1 ? [value] : split(value, 0, chunks);
}

/** Loss without a backward pass. */
export interface ChunkedLoss {
  /** Σ_i w_i · (-log p(labels_i)), a scalar in nats. */
  readonly loss: Value;
  /** -log p(labels_i) of each chunk's rows, in nats. */
  readonly token_losses: readonly Value[];
}

/** The loss alone, with one chunk's logits in memory at a time. */
export function chunkedLoss(inputs: LossInputs): ChunkedLoss {
  const { final, embed_out, transposed, labels, loss_weights } = inputs;
  const chunks = chunksOf(inputs);
  const [label_rows, weight_rows] = [labels, loss_weights].map(chunks);
  const token_losses = chunks(final).map((hidden, i) => {
    const logits = gemm(hidden, embed_out, { trans_b: !transposed });
    return softmaxCrossEntropy(logits, label_rows[i]).nll;
  });
  const losses = token_losses.map((nll, i) => sum(mul(nll, weight_rows[i])));
  return { loss: losses.reduce((a, b) => add(a, b)), token_losses };
}

/** Input of the backward pass. */
export interface LossHead {
  /** Σ_i w_i · (-log p(labels_i)), a scalar in nats. */
  loss: Value;
  /** Its gradient with respect to `final`, [N, D]. */
  final_gradient: Value;
  /** `gradient` + (w ∘ final)ᵀ P, or its transpose: the gradient of `embed_out` without its sparse part. */
  embed_out_gradient: Value;
  /** [N, D]: w ∘ final. Row i is still to be subtracted from row labels_i of the gradient of `embed_out`. */
  weighted_final: Value;
}

/**
 * The loss with its gradients, written by hand so that there are no passes over the logits except those of the
 * products. With E = `embed_out` as [D, V], P = softmax(final E) and Y the one-hot labels,
 *
 *     d_final = w ∘ (P - Y) Eᵀ = w ∘ (P Eᵀ - (columns of E at labels)ᵀ)
 *     d_E     = (w ∘ final)ᵀ (P - Y) = (w ∘ final)ᵀ P - (w ∘ final)ᵀ Y
 *
 * so P is never changed: the terms in Y are a gather and a sparse update.
 *
 * @param inputs.gradient of `embed_out`, accumulated so far.
 */
export function lossHead(inputs: LossInputs & { gradient?: Value }): LossHead {
  const { final, embed_out, transposed, labels, loss_weights, gradient } = inputs;
  const chunks = chunksOf(inputs);
  const weight_column = reshape(loss_weights, [loss_weights.shape[0], 1]);
  const weighted_final = mul(final, weight_column);
  const [weight_rows, weighted_rows, label_rows] = [loss_weights, weighted_final, labels].map(
    chunks,
  );
  let embed_out_gradient = gradient;
  const parts = chunks(final).map((hidden, i) => {
    const logits = gemm(hidden, embed_out, { trans_b: !transposed });
    const { nll, probabilities } = softmaxCrossEntropy(logits, label_rows[i]);
    const [a, b] = transposed
      ? [weighted_rows[i], probabilities]
      : [probabilities, weighted_rows[i]];
    embed_out_gradient = gemm(a, b, { trans_a: true, c: embed_out_gradient });
    return {
      loss: sum(mul(nll, weight_rows[i])),
      expected: gemm(probabilities, embed_out, { trans_b: transposed }),
    };
  });
  const expected = parts.length === 1
    ? parts[0].expected
    : concat(parts.map((part) => part.expected), 0);
  const label_embeddings = transposed
    ? transpose(gather(embed_out, labels, 1), [1, 0])
    : gather(embed_out, labels);
  return {
    loss: parts.map(({ loss }) => loss).reduce((a, b) => add(a, b)),
    final_gradient: mul(sub(expected, label_embeddings), weight_column),
    embed_out_gradient: embed_out_gradient!,
    weighted_final,
  };
}
