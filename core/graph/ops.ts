/**
 * The operations of a graph: their attributes, and the shape and dtype of their results.
 *
 * Every op named in {@linkcode OpAttributes} needs an entry in the table here, in the gradient table (vjp.ts) and in
 * the lowering table (lower.ts); a missing one does not compile. functions.ts describes what the ops compute.
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
  equal: None;
  // Elementwise, one input.
  neg: None;
  exp: None;
  sqrt: None;
  gelu: None;
  gelu_tanh: None;
  silu: None;
  // Reductions. `axes` sorted ascending.
  sum: { axes: readonly number[]; keep_dims: boolean };
  max: { axes: readonly number[]; keep_dims: boolean };
  // Movement.
  reshape: { dims: Dimensions };
  transpose: { permutation: readonly number[] };
  broadcast: { dims: Dimensions };
  concat: { axis: number };
  split: { axis: number; parts: number };
  // Products.
  matmul: { trans_a: boolean; trans_b: boolean; alpha: number };
  /** The third input is optional. */
  gemm: { trans_a: boolean; trans_b: boolean };
  // Indexing.
  gather: { axis: 0 | 1 };
  scatter_add: { axis: 0 | 1 };
  take_along_rows: None;
  add_along_rows: None;
  // Functions with a rule of their own.
  softmax: None;
  /** (q, k, v, document_start or nothing) -> (context, a by-product for the gradient) */
  causal_attention: None;
  cache_mask: None;
  /** (x, scale, bias) -> (y, mean, inverse standard deviation) */
  layer_norm: { epsilon: number };
  /** (x, scale) -> (y, 1 / rms) */
  rms_norm: { epsilon: number };
  rotary: None;
  /** positions -> (cos, sin) of the angles; only in exported models */
  rotary_angles: { frequencies: Float32Array; scale: number };
  /** (logits [N, V], labels [N]) -> (negative log-likelihood [N], probabilities [N, V]) */
  softmax_cross_entropy: None;
  // Gradients of some of the above, as ops of their own where a library has them in one pass.
  /** (x, g) -> d_x */
  gelu_grad: None;
  /** (x, g) -> d_x */
  gelu_tanh_grad: None;
  /** (x, y, g) -> d_x, with y = silu(x) */
  silu_grad: None;
  /** (x, scale, mean, inverse standard deviation, g) -> (d_x, d_scale, d_bias) */
  layer_norm_grad: { epsilon: number };
  /** (x, scale, 1 / rms, g) -> (d_x, d_scale) */
  rms_norm_grad: { epsilon: number };
  /** (q, k, v, output, by-product, g) -> (d_q, d_k, d_v) */
  causal_attention_grad: None;
  // Quantized weights, in exported models only.
  quantized_linear: {
    weight: QuantizedMatrix;
    out: number;
    into: number;
    bits: 4 | 8;
    name: string;
  };
  /** Rows of int8 `codes` [V, D], each times its scale. */
  quantized_gather: { codes: Int8Array; scales: Float32Array; name: string };
}

export type OpName = keyof OpAttributes;

type Infer<Op extends OpName> = (
  inputs: readonly TensorType[],
  attributes: OpAttributes[Op],
) => TensorType[];

/** @param needs what the inputs must be; `Graph.apply` adds the op and what they are. */
function expect(condition: boolean, needs: string): asserts condition {
  if (!condition) throw new Error(`needs ${needs}`);
}

function binary([a, b]: readonly TensorType[]): TensorType[] {
  expect(a.dtype === b.dtype, "operands of one dtype");
  return [{ dtype: a.dtype, dims: broadcastDims(a.dims, b.dims) }];
}

/** Results with the types of some inputs. */
const like = (...inputs: TensorType[]): TensorType[] =>
  inputs.map(({ dtype, dims }) => ({ dtype, dims }));

const unary = ([x]: readonly TensorType[]): TensorType[] => like(x);

/** A statistic over the last axis. */
const statistic = ({ dtype, dims }: TensorType) => ({ dtype, dims: dims.with(-1, 1) });

function reduction(
  [x]: readonly TensorType[],
  { axes, keep_dims }: OpAttributes["sum"],
): TensorType[] {
  expect(axes.every((axis) => axis in x.dims), `axes ${formatShape(axes)}`);
  const dims = keep_dims
    ? x.dims.map((dim, axis) => axes.includes(axis) ? 1 : dim)
    : x.dims.filter((_, axis) => !axes.includes(axis));
  return [{ dtype: x.dtype, dims }];
}

function product([a, b]: readonly TensorType[], flags: OpAttributes["gemm"]): TensorType {
  const { trans_a, trans_b } = flags;
  const [m, k] = trans_a ? a.dims.slice(-2).toReversed() : a.dims.slice(-2);
  const [k2, n] = trans_b ? b.dims.slice(-2).toReversed() : b.dims.slice(-2);
  expect(k === k2, `equal inner sizes with ${JSON.stringify(flags)}`);
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
    expect(a.dtype === "int32" && b.dtype === "int32", "int32");
    return [{ dtype: "float32", dims: broadcastDims(a.dims, b.dims) }];
  },
  neg: unary,
  exp: unary,
  sqrt: unary,
  gelu: unary,
  gelu_tanh: unary,
  silu: unary,
  softmax: unary,
  sum: reduction,
  max: reduction,
  reshape: ([x], { dims }) => {
    expect(sameSize(dims, x.dims), `as many elements as ${formatShape(dims)}`);
    return [{ dtype: x.dtype, dims }];
  },
  transpose: ([x], { permutation }) => {
    const sorted = permutation.toSorted((p, q) => p - q);
    expect(
      sameDims(sorted, x.dims.map((_, axis) => axis)),
      `axes that ${formatShape(permutation)} permutes`,
    );
    return [{ dtype: x.dtype, dims: permutation.map((axis) => x.dims[axis]) }];
  },
  broadcast: ([x], { dims }) => {
    expect(
      sameDims(broadcastDims(x.dims, dims), dims),
      `a shape that broadcasts to ${formatShape(dims)}`,
    );
    return [{ dtype: x.dtype, dims }];
  },
  concat: (inputs, { axis }) => {
    const [{ dtype, dims }] = inputs;
    const same = inputs.every((x) => sameDims(x.dims.with(axis, 0), dims.with(axis, 0)));
    expect(same, `shapes that differ in axis ${axis} only`);
    return [{ dtype, dims: dims.with(axis, sumOf(inputs.map((x) => x.dims[axis]))) }];
  },
  split: ([x], { axis, parts }) => {
    const size = x.dims[axis];
    expect(
      typeof size === "number" && size % parts === 0,
      `an axis ${axis} that is divisible by ${parts}`,
    );
    return Array(parts).fill({ dtype: x.dtype, dims: x.dims.with(axis, size / parts) });
  },
  matmul: (inputs, attributes) => [product(inputs, attributes)],
  gemm: (inputs, attributes) => {
    expect(inputs[0].dims.length === 2, "matrices");
    const result = product(inputs, attributes), [, , c] = inputs;
    expect(
      !c || sameDims(broadcastDims(c.dims, result.dims), result.dims),
      `a third input that broadcasts to ${formatShape(result.dims)}`,
    );
    return [result];
  },
  gather: ([table, indices], { axis }) => {
    expect(
      table.dims.length === 2 && /^int/.test(indices.dtype) &&
        (axis === 0 || indices.dims.length === 1),
      "a matrix and integer indices, [N] for columns",
    );
    const [rows, columns] = table.dims;
    const dims = axis === 0 ? [...indices.dims, columns] : [rows, ...indices.dims];
    return [{ dtype: table.dtype, dims }];
  },
  scatter_add: ([base, indices, updates], { axis }) => {
    expect(
      sameDims(updates.dims, base.dims.with(axis, indices.dims[0])),
      `a matrix, indices [N], and updates of N slices along axis ${axis}`,
    );
    return like(base);
  },
  take_along_rows: ([x, indices]) => {
    const rows = x.dims.slice(0, 1);
    expect(x.dims.length === 2 && sameDims(indices.dims, rows), "[N, V] and int32 [N]");
    return [{ dtype: x.dtype, dims: rows }];
  },
  add_along_rows: ([base, ...others]) => {
    const rows = base.dims.slice(0, 1);
    expect(others.every(({ dims }) => sameDims(dims, rows)), "[N, V], int32 [N] and [N]");
    return like(base);
  },
  causal_attention: ([q, k, v, document_start]) => {
    const [B, T, H] = q.dims, [, , K] = k.dims;
    expect(
      q.dims.length === 4 && Number(H) % Number(K) === 0 &&
        [k, v].every(({ dims }) => sameDims(dims, q.dims.with(2, K))),
      "[B, T, H, E] and two of [B, T, K, E], with H a multiple of K",
    );
    const valid = document_start?.dtype === "int32" && sameDims(document_start.dims, [B, T]);
    expect(!document_start || valid, `document_start int32 [${B}, ${T}]`);
    return [...like(q), { dtype: q.dtype, dims: [B, H, T, T] }];
  },
  cache_mask: ([{ dims: [B, S] }, { dims: [rows, T] }]) => {
    expect(B === rows, "[B, S] and [B, T]");
    return [{ dtype: "float32", dims: [B, 1, T, S] }];
  },
  layer_norm: ([x, ...parameters]) => {
    const width = x.dims.slice(-1);
    expect(parameters.every(({ dims }) => sameDims(dims, width)), "[..., D], [D] and [D]");
    return [...like(x), statistic(x), statistic(x)];
  },
  rms_norm: ([x, scale]) => {
    expect(sameDims(scale.dims, x.dims.slice(-1)), "[..., D] and [D]");
    return [...like(x), statistic(x)];
  },
  rotary: ([x, cos, sin]) => {
    const positions = x.dims.slice(3 - cos.dims.length, 2);
    expect(
      x.dims.length === 4 && sameDims(cos.dims, sin.dims) &&
        sameDims(cos.dims.slice(0, -1), positions) &&
        2 * Number(cos.dims.at(-1)) <= Number(x.dims[3]),
      "[B, T, H, Dh] and two tables [T, R/2] or [B, T, R/2]",
    );
    return like(x);
  },
  rotary_angles: ([positions], { frequencies }) => {
    expect(positions.dtype === "int64", "int64 positions");
    const table = { dtype: "float32" as const, dims: [...positions.dims, frequencies.length] };
    return [table, { ...table }];
  },
  softmax_cross_entropy: ([logits, labels]) => {
    const rows = logits.dims.slice(0, 1);
    expect(
      logits.dims.length === 2 && sameDims(labels.dims, rows) && labels.dtype === "int32",
      "logits [N, V] and int32 labels [N]",
    );
    return [{ dtype: logits.dtype, dims: rows }, ...like(logits)];
  },
  gelu_grad: unary,
  gelu_tanh_grad: unary,
  silu_grad: unary,
  layer_norm_grad: ([x, scale]) => like(x, scale, scale),
  rms_norm_grad: ([x, scale]) => like(x, scale),
  causal_attention_grad: ([q, k, v]) => like(q, k, v),
  quantized_linear: ([x], { out, into }) => {
    expect(x.dims.at(-1) === into, `[..., ${into}]`);
    return [{ dtype: x.dtype, dims: x.dims.with(-1, out) }];
  },
  quantized_gather: ([indices], { codes, scales }) => [
    { dtype: "float32", dims: [...indices.dims, codes.length / scales.length] },
  ],
};
