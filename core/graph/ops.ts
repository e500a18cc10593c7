/**
 * The operations of a graph: their attributes, and the shape and dtype of what they compute.
 *
 * Every op named in {@linkcode OpAttributes} must have an entry here, in the VJP table (vjp.ts) and in the
 * lowering table (lower.ts); a missing one does not compile.
 *
 * @module
 */
import { formatShape, type Shape, sizeOf, type TensorType } from "./types.ts";

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
  reshape: { shape: Shape };
  transpose: { permutation: readonly number[] };
  broadcast: { shape: Shape };
  concat: { axis: number };
  /** Cuts an axis into equal parts, one output each. */
  split: { axis: number; parts: number };
  // Products.
  /** alpha · op(a) · op(b) over the last two axes; leading axes must be equal. */
  matmul: { trans_a: boolean; trans_b: boolean; alpha: number };
  /** op(a) · op(b) + c for matrices; c is optional and broadcasts. */
  gemm: { trans_a: boolean; trans_b: boolean };
  // Indexing. Indices are int32.
  /** Slices of the matrix `table` at `indices` [N] along an axis: [V, D] -> [N, D], or [D, V] -> [D, N]. */
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
   * value head h. With a fourth input, `document_start` int32 [B, T], position t of a row sees positions from document_start[t]
   * to t.
   */
  causal_attention: None;
  /** (x, scale, bias) -> (y, mean, inverse standard deviation), over the last axis. */
  layer_norm: { epsilon: number };
  /** (x, scale) -> (x / rms · scale, 1 / rms), rms = √(mean x² + epsilon), over the last axis. */
  rms_norm: { epsilon: number };
  /** (x [B, T, H, Dh], cos [T, R/2], sin [T, R/2]): rotates the first R of the Dh dims, halves paired. */
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
}

export type OpName = keyof OpAttributes;

type Infer<Op extends OpName> = (
  inputs: readonly TensorType[],
  attributes: OpAttributes[Op],
) => TensorType[];

/**
 * NumPy broadcasting of two shapes.
 *
 * @throws {Error} when a pair of dimensions differs and neither is 1.
 */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[a.length - rank + i] ?? 1;
    const db = b[b.length - rank + i] ?? 1;
    if (da !== db && da !== 1 && db !== 1) {
      throw new Error(`shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    return da === 1 ? db : da;
  });
}

function expect(condition: boolean, message: () => string): void {
  if (!condition) throw new Error(message());
}

function binary([a, b]: readonly TensorType[]): TensorType[] {
  expect(a.dtype === b.dtype, () => `dtypes differ: ${a.dtype} and ${b.dtype}`);
  return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }];
}

const unary = ([x]: readonly TensorType[]): TensorType[] => [{ dtype: x.dtype, shape: x.shape }];

function reduction(
  [x]: readonly TensorType[],
  { axes, keep_dims }: OpAttributes["sum"],
): TensorType[] {
  expect(
    axes.every((axis) => axis >= 0 && axis < x.shape.length),
    () => `axes ${formatShape(axes)} are outside of shape ${formatShape(x.shape)}`,
  );
  const shape = keep_dims
    ? x.shape.map((dim, axis) => axes.includes(axis) ? 1 : dim)
    : x.shape.filter((_, axis) => !axes.includes(axis));
  return [{ dtype: x.dtype, shape }];
}

/** Inner dimensions of a product after optional transposition: [rows, columns]. */
function matrix(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

function product(
  [a, b]: readonly TensorType[],
  { trans_a, trans_b }: { trans_a: boolean; trans_b: boolean },
): TensorType {
  const [m, k] = matrix(a.shape, trans_a);
  const [k2, n] = matrix(b.shape, trans_b);
  const batch = a.shape.slice(0, -2);
  expect(
    k === k2 && batch.join() === b.shape.slice(0, -2).join(),
    () => `cannot multiply ${formatShape(a.shape)} by ${formatShape(b.shape)}`,
  );
  return { dtype: a.dtype, shape: [...batch, m, n] };
}

/** Shape and dtype inference, one entry per op. */
export const SHAPE_INFERENCE: { [Op in OpName]: Infer<Op> } = {
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  equal: ([a, b]) => {
    expect(a.dtype === "int32" && b.dtype === "int32", () => "equal takes int32");
    return [{ dtype: "float32", shape: broadcastShapes(a.shape, b.shape) }];
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
  sum_of_squares: ([x]) => [{ dtype: x.dtype, shape: [] }],
  reshape: ([x], { shape }) => {
    expect(
      sizeOf(shape) === sizeOf(x.shape),
      () => `cannot reshape ${formatShape(x.shape)} to ${formatShape(shape)}`,
    );
    return [{ dtype: x.dtype, shape }];
  },
  transpose: ([x], { permutation }) => {
    expect(
      [...permutation].sort((p, q) => p - q).every((axis, i) => axis === i) &&
        permutation.length === x.shape.length,
      () => `${formatShape(permutation)} is no permutation of the axes of ${formatShape(x.shape)}`,
    );
    return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]) }];
  },
  broadcast: ([x], { shape }) => {
    expect(
      broadcastShapes(x.shape, shape).join() === shape.join(),
      () => `cannot broadcast ${formatShape(x.shape)} to ${formatShape(shape)}`,
    );
    return [{ dtype: x.dtype, shape }];
  },
  concat: (inputs, { axis }) => {
    const [first] = inputs;
    const outer = (shape: Shape) => shape.filter((_, i) => i !== axis).join();
    expect(
      inputs.every((x) => outer(x.shape) === outer(first.shape)),
      () =>
        `cannot concatenate ${
          inputs.map((x) => formatShape(x.shape)).join(", ")
        } along axis ${axis}`,
    );
    const total = inputs.reduce((sum, x) => sum + x.shape[axis], 0);
    return [{ dtype: first.dtype, shape: first.shape.map((d, i) => i === axis ? total : d) }];
  },
  split: ([x], { axis, parts }) => {
    expect(
      x.shape[axis] % parts === 0,
      () => `axis ${axis} of ${formatShape(x.shape)} is not divisible by ${parts}`,
    );
    const shape = x.shape.map((d, i) => i === axis ? d / parts : d);
    return Array.from({ length: parts }, () => ({ dtype: x.dtype, shape }));
  },
  matmul: (inputs, attributes) => [product(inputs, attributes)],
  gemm: (inputs, attributes) => {
    expect(inputs[0].shape.length === 2, () => "gemm takes matrices");
    const result = product(inputs, attributes);
    if (inputs.length === 3) {
      expect(
        broadcastShapes(inputs[2].shape, result.shape).join() === result.shape.join(),
        () =>
          `gemm cannot add ${formatShape(inputs[2].shape)} to a ${
            formatShape(result.shape)
          } product`,
      );
    }
    return [result];
  },
  gather: ([table, indices], { axis }) => {
    expect(
      table.shape.length === 2 && indices.shape.length === 1 && indices.dtype === "int32",
      () => "gather takes a matrix and int32 [N] indices",
    );
    const shape = table.shape.map((dim, i) => i === axis ? indices.shape[0] : dim);
    return [{ dtype: table.dtype, shape }];
  },
  scatter_add: ([base, indices, updates], { axis }) => {
    expect(
      updates.shape.join() === base.shape.map((d, i) => i === axis ? indices.shape[0] : d).join(),
      () =>
        `scatter_add cannot add ${formatShape(updates.shape)} at ${
          formatShape(indices.shape)
        } indices along axis ${axis} of ${formatShape(base.shape)}`,
    );
    return [{ dtype: base.dtype, shape: base.shape }];
  },
  take_along_rows: ([x, indices]) => {
    expect(
      x.shape.length === 2 && indices.shape.join() === `${x.shape[0]}`,
      () => "take_along_rows takes [N, V] and int32 [N]",
    );
    return [{ dtype: x.dtype, shape: [x.shape[0]] }];
  },
  add_along_rows: ([base, indices, updates]) => {
    expect(
      indices.shape.join() === `${base.shape[0]}` && updates.shape.join() === `${base.shape[0]}`,
      () => "add_along_rows takes [N, V], int32 [N] and [N]",
    );
    return [{ dtype: base.dtype, shape: base.shape }];
  },
  causal_attention: ([q, k, v, document_start]) => {
    const [B, T, H] = q.shape;
    const shared = q.shape.with(2, k.shape[2]).join();
    expect(
      q.shape.length === 4 && H % k.shape[2] === 0 &&
        [k, v].every(({ shape }) => shape.join() === shared),
      () =>
        `causal_attention takes [B, T, H, E] and two of [B, T, K, E], with H a multiple of K, not ${
          [q, k, v].map((x) => formatShape(x.shape))
        }`,
    );
    expect(
      !document_start ||
        (document_start.dtype === "int32" && document_start.shape.join() === `${B},${T}`),
      () =>
        `causal_attention over ${formatShape(q.shape)} takes document_start as int32 of ` +
        `[${B}, ${T}], not ${document_start.dtype} of ${formatShape(document_start.shape)}`,
    );
    return [{ dtype: q.dtype, shape: q.shape }, { dtype: q.dtype, shape: [B, H, T, T] }];
  },
  layer_norm: ([x, scale, bias]) => {
    const width = x.shape.at(-1);
    expect(
      scale.shape.join() === `${width}` && bias.shape.join() === `${width}`,
      () =>
        `layer_norm over ${formatShape(x.shape)} needs scale and bias of [${width}], got ${
          formatShape(scale.shape)
        } and ${formatShape(bias.shape)}`,
    );
    const statistics = { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] };
    return [{ dtype: x.dtype, shape: x.shape }, statistics, statistics];
  },
  rms_norm: ([x, scale]) => {
    const width = x.shape.at(-1);
    expect(
      scale.shape.join() === `${width}`,
      () =>
        `rms_norm over ${formatShape(x.shape)} needs a scale of [${width}], got ${
          formatShape(scale.shape)
        }`,
    );
    return [{ dtype: x.dtype, shape: x.shape }, {
      dtype: x.dtype,
      shape: [...x.shape.slice(0, -1), 1],
    }];
  },
  rotary: ([x, cos, sin]) => {
    const [, length, , head_dim] = x.shape;
    expect(
      x.shape.length === 4 && cos.shape.join() === sin.shape.join() && cos.shape[0] === length &&
        2 * cos.shape[1] <= head_dim,
      () =>
        `rotary cannot turn ${formatShape(x.shape)} by tables of ${formatShape(cos.shape)}; ` +
        "it takes [B, T, H, Dh] and [T, R/2]",
    );
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  softmax_cross_entropy: ([logits, labels]) => {
    expect(
      logits.shape.length === 2 && labels.shape.join() === `${logits.shape[0]}` &&
        labels.dtype === "int32",
      () => "softmax_cross_entropy takes logits [N, V] and int32 labels [N]",
    );
    return [
      { dtype: logits.dtype, shape: [logits.shape[0]] },
      { dtype: logits.dtype, shape: logits.shape },
    ];
  },
  gelu_grad: unary,
  silu_grad: unary,
  layer_norm_grad: ([x, scale]) => [x, scale, scale].map(({ dtype, shape }) => ({ dtype, shape })),
  rms_norm_grad: ([x, scale]) => [x, scale].map(({ dtype, shape }) => ({ dtype, shape })),
  causal_attention_grad: ([q, k, v]) => [q, k, v].map(({ dtype, shape }) => ({ dtype, shape })),
};
