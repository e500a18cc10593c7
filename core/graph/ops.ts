/**
 * The operations of a graph: their attributes, and the shape and dtype of their results.
 *
 * Every op named in {@linkcode OpAttributes} needs an entry here, in the gradient table (vjp.ts) and in the lowering
 * table (lower.ts); a missing one does not compile.
 *
 * @module
 */
import {
  broadcastDims,
  type Dimensions,
  formatShape,
  type QuantizedMatrix,
  sameDims,
  sameSize,
  sumOf,
  type TensorType,
} from "./types.ts";

type None = Record<never, never>;

/** Attributes of each op. Axes are non-negative. */
export interface OpAttributes {
  // Elementwise, with NumPy broadcasting.
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  /** 1 where the operands, int32, are equal and 0 elsewhere, float32. */
  equal: None;
  // Elementwise, one input.
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  erf: None;
  /** Exact GELU: x Φ(x), Φ the standard normal distribution function. */
  gelu: None;
  /** x σ(x), σ the logistic function. */
  silu: None;
  // Reductions. `axes` sorted ascending.
  sum: { axes: readonly number[]; keep_dims: boolean };
  max: { axes: readonly number[]; keep_dims: boolean };
  /** Sum of squares over all elements, a scalar. */
  sum_of_squares: None;
  // Movement.
  reshape: { dims: Dimensions };
  transpose: { permutation: readonly number[] };
  broadcast: { dims: Dimensions };
  concat: { axis: number };
  /** Cuts an axis into equal parts, one output each. */
  split: { axis: number; parts: number };
  // Products.
  /** alpha · op(a) · op(b) over the last two axes; leading axes broadcast. */
  matmul: { trans_a: boolean; trans_b: boolean; alpha: number };
  /** op(a) · op(b) + c for matrices; c is optional and broadcasts. */
  gemm: { trans_a: boolean; trans_b: boolean };
  // Indexing. Indices are integers.
  /** Slices of the matrix `table` at `indices`: rows, [V, D] -> [...indices, D], or columns, [D, V] -> [D, N]. */
  gather: { axis: 0 | 1 };
  /** The matrix `base` with slices of `updates` added at `indices` [N] along an axis, repeats included. */
  scatter_add: { axis: 0 | 1 };
  /** `x` [N, V] at `indices` [N]: [N]. */
  take_along_rows: None;
  /** `base` [N, V] with `updates` [N] added at column `indices` [N] of each row. */
  add_along_rows: None;
  // Functions with a rule of their own.
  /** Over the last axis. */
  softmax: None;
  /**
   * (q [B, T, H, E], k and v [B, T, K, E]) -> (softmax(q kᵀ / √E) v per head, where position t sees positions up to t,
   * [B, T, H, E]; a by-product for its gradient). K divides H, and heads h · H/K to (h + 1) · H/K - 1 share key and
   * value head h. With a fourth input, `document_start` int32 [B, T], position t of a row sees positions from
   * document_start[t] to t.
   */
  causal_attention: None;
  /**
   * (attention_mask int64 [B, S], new tokens int64 [B, T]) -> float32 [B, 1, T, S], to be added to scores: new token t
   * is at position S - T + t, and sees positions up to that where attention_mask is 1.
   */
  cache_mask: None;
  /** (x, scale, bias) -> (y, mean, inverse standard deviation), over the last axis. */
  layer_norm: { epsilon: number };
  /** (x, scale) -> (x / rms · scale, 1 / rms), rms = √(mean x² + epsilon), over the last axis. */
  rms_norm: { epsilon: number };
  /** (x [B, T, H, Dh], cos and sin [T, R/2] or [B, T, R/2]): rotates the first R of the Dh dims, halves paired. */
  rotary: None;
  /** (logits [N, V], labels [N]) -> (negative log-likelihood [N], probabilities [N, V]). */
  softmax_cross_entropy: None;
  // Gradients of some of the above, as ops of their own where a library has them in one pass.
  /** (x, g) -> d_x */
  gelu_grad: None;
  /** (x, y, g) -> d_x, with y = silu(x) */
  silu_grad: None;
  /** (x, scale, mean, inverse standard deviation, g) -> (d_x, d_scale, d_bias) */
  layer_norm_grad: { epsilon: number };
  /** (x, scale, 1 / rms, g) -> (d_x, d_scale) */
  rms_norm_grad: { epsilon: number };
  /** (q, k, v, output, by-product, g) -> (d_q, d_k, d_v) */
  causal_attention_grad: None;
  // Quantized weights, for exported models. They have no gradients.
  /** x Wᵀ with W [out, in]. */
  quantized_linear: {
    weight: QuantizedMatrix;
    out: number;
    into: number;
    bits: 4 | 8;
    name: string;
  };
  /** Rows of `codes` [V, D] at the indices, each times its scale [V]: [...indices, D]. */
  quantized_gather: { codes: Int8Array; scales: Float32Array; name: string };
}

export type OpName = keyof OpAttributes;

type Infer<Op extends OpName> = (
  inputs: readonly TensorType[],
  attributes: OpAttributes[Op],
) => TensorType[];

function expect(condition: boolean, message: () => string): void {
  if (!condition) throw new Error(message());
}

function binary([a, b]: readonly TensorType[]): TensorType[] {
  expect(a.dtype === b.dtype, () => `dtypes differ: ${a.dtype} and ${b.dtype}`);
  return [{ dtype: a.dtype, dims: broadcastDims(a.dims, b.dims) }];
}

/** Results of the types of some inputs. */
const like = (...inputs: TensorType[]): TensorType[] =>
  inputs.map(({ dtype, dims }) => ({ dtype, dims }));

const unary = ([x]: readonly TensorType[]): TensorType[] => like(x);

/** A statistic over the last axis. */
const statistic = ({ dtype, dims }: TensorType): TensorType => ({
  dtype,
  dims: [...dims.slice(0, -1), 1],
});

function reduction(
  [x]: readonly TensorType[],
  { axes, keep_dims }: OpAttributes["sum"],
): TensorType[] {
  expect(
    axes.every((axis) => axis >= 0 && axis < x.dims.length),
    () => `axes ${formatShape(axes)} are outside of shape ${formatShape(x.dims)}`,
  );
  const dims = keep_dims
    ? x.dims.map((dim, axis) => axes.includes(axis) ? 1 : dim)
    : x.dims.filter((_, axis) => !axes.includes(axis));
  return [{ dtype: x.dtype, dims }];
}

function product([a, b]: readonly TensorType[], flags: OpAttributes["gemm"]): TensorType {
  const { trans_a, trans_b } = flags;
  const [m, k] = trans_a ? a.dims.slice(-2).toReversed() : a.dims.slice(-2);
  const [k2, n] = trans_b ? b.dims.slice(-2).toReversed() : b.dims.slice(-2);
  expect(k === k2, () => `cannot multiply ${formatShape(a.dims)} by ${formatShape(b.dims)}`);
  const batch = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  return { dtype: a.dtype, dims: [...batch, m, n] };
}

/** Shape and dtype inference, one entry per op. */
export const SHAPE_INFERENCE: { [Op in OpName]: Infer<Op> } = {
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  equal: ([a, b]) => {
    expect(a.dtype === "int32" && b.dtype === "int32", () => "operands must be int32");
    return [{ dtype: "float32", dims: broadcastDims(a.dims, b.dims) }];
  },
  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  erf: unary,
  gelu: unary,
  silu: unary,
  softmax: unary,
  sum: reduction,
  max: reduction,
  sum_of_squares: ([x]) => [{ dtype: x.dtype, dims: [] }],
  reshape: ([x], { dims }) => {
    expect(
      sameSize(dims, x.dims),
      () => `cannot reshape ${formatShape(x.dims)} to ${formatShape(dims)}`,
    );
    return [{ dtype: x.dtype, dims }];
  },
  transpose: ([x], { permutation }) => {
    const axes = x.dims.map((_, axis) => axis);
    expect(
      sameDims(permutation.toSorted((p, q) => p - q), axes),
      () => `${formatShape(permutation)} does not permute the axes of ${formatShape(x.dims)}`,
    );
    return [{ dtype: x.dtype, dims: permutation.map((axis) => x.dims[axis]) }];
  },
  broadcast: ([x], { dims }) => {
    expect(
      sameDims(broadcastDims(x.dims, dims), dims),
      () => `cannot broadcast ${formatShape(x.dims)} to ${formatShape(dims)}`,
    );
    return [{ dtype: x.dtype, dims }];
  },
  concat: (inputs, { axis }) => {
    const [first] = inputs;
    const outer = (dims: Dimensions) => dims.filter((_, i) => i !== axis);
    expect(
      inputs.every((x) => sameDims(outer(x.dims), outer(first.dims))),
      () => `cannot concatenate ${inputs.map((x) => formatShape(x.dims))} along axis ${axis}`,
    );
    const total = sumOf(inputs.map((x) => x.dims[axis]));
    return [{ dtype: first.dtype, dims: first.dims.with(axis, total) }];
  },
  split: ([x], { axis, parts }) => {
    const size = x.dims[axis];
    if (typeof size === "string" || size % parts !== 0) {
      throw new Error(`axis ${axis} of ${formatShape(x.dims)} is not divisible by ${parts}`);
    }
    return Array(parts).fill({ dtype: x.dtype, dims: x.dims.with(axis, size / parts) });
  },
  matmul: (inputs, attributes) => [product(inputs, attributes)],
  gemm: (inputs, attributes) => {
    expect(inputs[0].dims.length === 2, () => "operands must be matrices");
    const result = product(inputs, attributes), [, , c] = inputs;
    expect(
      !c || sameDims(broadcastDims(c.dims, result.dims), result.dims),
      () => `cannot add ${formatShape(c.dims)} to a product of ${formatShape(result.dims)}`,
    );
    return [result];
  },
  gather: ([table, indices], { axis }) => {
    expect(
      table.dims.length === 2 && /^int/.test(indices.dtype) &&
        (axis === 0 || indices.dims.length === 1),
      () => "needs a matrix and integer indices, [N] for columns",
    );
    const [rows, columns] = table.dims;
    const dims = axis === 0 ? [...indices.dims, columns] : [rows, ...indices.dims];
    return [{ dtype: table.dtype, dims }];
  },
  scatter_add: ([base, indices, updates], { axis }) => {
    expect(
      sameDims(updates.dims, base.dims.with(axis, indices.dims[0])),
      () =>
        `cannot add ${formatShape(updates.dims)} at ${formatShape(indices.dims)} indices along ` +
        `axis ${axis} of ${formatShape(base.dims)}`,
    );
    return like(base);
  },
  take_along_rows: ([x, indices]) => {
    const [rows] = x.dims;
    expect(
      x.dims.length === 2 && sameDims(indices.dims, [rows]),
      () => "needs [N, V] and int32 [N]",
    );
    return [{ dtype: x.dtype, dims: [rows] }];
  },
  add_along_rows: ([base, indices, updates]) => {
    expect(
      [indices, updates].every(({ dims }) => sameDims(dims, base.dims.slice(0, 1))),
      () => "needs [N, V], int32 [N] and [N]",
    );
    return like(base);
  },
  causal_attention: ([q, k, v, document_start]) => {
    const [B, T, H] = q.dims, [, , K] = k.dims;
    expect(
      q.dims.length === 4 && Number(H) % Number(K) === 0 &&
        [k, v].every(({ dims }) => sameDims(dims, q.dims.with(2, K))),
      () =>
        "needs [B, T, H, E] and two of [B, T, K, E], with H a multiple of K, got " +
        [q, k, v].map((x) => formatShape(x.dims)).join(", "),
    );
    expect(
      !document_start ||
        (document_start.dtype === "int32" && sameDims(document_start.dims, [B, T])),
      () =>
        `document_start must be int32 of [${B}, ${T}], ` +
        `got ${document_start.dtype} of ${formatShape(document_start.dims)}`,
    );
    return [...like(q), { dtype: q.dtype, dims: [B, H, T, T] }];
  },
  cache_mask: ([{ dims: [B, S] }, { dims: [rows, T] }]) => {
    expect(B === rows && S !== undefined && T !== undefined, () => "needs [B, S] and [B, T]");
    return [{ dtype: "float32", dims: [B, 1, T, S] }];
  },
  layer_norm: ([x, scale, bias]) => {
    const width = x.dims.slice(-1);
    expect(
      sameDims(scale.dims, width) && sameDims(bias.dims, width),
      () =>
        `over ${formatShape(x.dims)} needs scale and bias of ${formatShape(width)}, got ` +
        `${formatShape(scale.dims)} and ${formatShape(bias.dims)}`,
    );
    return [...like(x), statistic(x), statistic(x)];
  },
  rms_norm: ([x, scale]) => {
    const width = x.dims.slice(-1);
    expect(
      sameDims(scale.dims, width),
      () =>
        `over ${formatShape(x.dims)} needs a scale of ${formatShape(width)}, got ` +
        formatShape(scale.dims),
    );
    return [...like(x), statistic(x)];
  },
  rotary: ([x, cos, sin]) => {
    const positions = x.dims.slice(3 - cos.dims.length, 2);
    expect(
      x.dims.length === 4 && sameDims(cos.dims, sin.dims) &&
        sameDims(cos.dims.slice(0, -1), positions) &&
        2 * Number(cos.dims.at(-1)) <= Number(x.dims[3]),
      () =>
        `cannot rotate ${formatShape(x.dims)} by tables of ${formatShape(cos.dims)}; ` +
        "needs [B, T, H, Dh] and [T, R/2] or [B, T, R/2]",
    );
    return like(x);
  },
  softmax_cross_entropy: ([logits, labels]) => {
    const rows = logits.dims.slice(0, 1);
    expect(
      logits.dims.length === 2 && sameDims(labels.dims, rows) && labels.dtype === "int32",
      () => "needs logits [N, V] and int32 labels [N]",
    );
    return [{ dtype: logits.dtype, dims: rows }, ...like(logits)];
  },
  gelu_grad: unary,
  silu_grad: unary,
  layer_norm_grad: ([x, scale]) => like(x, scale, scale),
  rms_norm_grad: ([x, scale]) => like(x, scale),
  causal_attention_grad: ([q, k, v]) => like(q, k, v),
  quantized_linear: ([x], { out, into }) => {
    expect(
      x.dims.at(-1) === into,
      () => `cannot multiply ${formatShape(x.dims)} by [${into}, ${out}]`,
    );
    return [{ dtype: x.dtype, dims: x.dims.with(-1, out) }];
  },
  quantized_gather: ([indices], { codes, scales }) => [
    { dtype: "float32", dims: [...indices.dims, codes.length / scales.length] },
  ],
};
