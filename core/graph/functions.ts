/**
 * The functions that write graphs. A number means a scalar of the other operand's dtype.
 *
 * @module
 */
import type { Value } from "./graph.ts";
import type { OpAttributes } from "./ops.ts";
import { type Dimensions, formatShape, sameDims, type Shape } from "./types.ts";

/** A value, or a number that becomes a scalar constant. */
export type Operand = Value | number;

type Binary = "add" | "sub" | "mul" | "div" | "maximum";

function binary(op: Binary, a: Operand, b: Operand): Value {
  const reference = typeof a === "object" ? a : b;
  if (typeof reference === "number") throw new Error(`${op}: one operand must be a graph value`);
  const lift = (x: Operand) =>
    typeof x === "number" ? reference.graph.scalar(x, reference.dtype) : x;
  return reference.graph.apply(op, [lift(a), lift(b)], {})[0];
}

type Unary = "neg" | "exp" | "sqrt" | "gelu" | "gelu_tanh" | "silu" | "softmax";

const unary = (op: Unary, x: Value): Value => x.graph.apply(op, [x], {})[0];

/** a + b, broadcast. */
export const add = (a: Operand, b: Operand): Value => binary("add", a, b);
/** a - b, broadcast. */
export const sub = (a: Operand, b: Operand): Value => binary("sub", a, b);
/** a · b elementwise, broadcast. */
export const mul = (a: Operand, b: Operand): Value => binary("mul", a, b);
/** a / b, broadcast. */
export const div = (a: Operand, b: Operand): Value => binary("div", a, b);
/** The larger of a and b elementwise, broadcast. Where they are equal the gradient goes to a. */
export const maximum = (a: Operand, b: Operand): Value => binary("maximum", a, b);
/** 1 where a and b, int32, are equal and 0 elsewhere, float32; broadcast. It has no gradient. */
export const equal = (a: Value, b: Value): Value => a.graph.apply("equal", [a, b], {})[0];
export const neg = (x: Value): Value => unary("neg", x);
export const exp = (x: Value): Value => unary("exp", x);
export const sqrt = (x: Value): Value => unary("sqrt", x);
/** Exact GELU, x Φ(x). */
export const gelu = (x: Value): Value => unary("gelu", x);
/** GELU by a tanh (Hendrycks & Gimpel, 2016): x / 2 · (1 + tanh u) = x σ(2 u) with u = √(2/π) (x + 0.044715 x³). */
export const geluTanh = (x: Value): Value => unary("gelu_tanh", x);
/** SiLU, x σ(x) with σ the logistic function (Elfwing et al., 2018). */
export const silu = (x: Value): Value => unary("silu", x);
/** Softmax over the last axis. */
export const softmax = (x: Value): Value => unary("softmax", x);

interface ReduceOptions {
  /** Axes to reduce, negative ones counted from the end; all by default. */
  axes?: readonly number[];
  keep_dims?: boolean;
}

function reduce(op: "sum" | "max", x: Value, { axes, keep_dims = false }: ReduceOptions): Value {
  const rank = x.dims.length;
  const sorted = (axes ?? x.dims.map((_, axis) => axis))
    .map((axis) => axis < 0 ? axis + rank : axis).sort((a, b) => a - b);
  if (sorted.length === 0) return x;
  return x.graph.apply(op, [x], { axes: sorted, keep_dims })[0];
}

/** Sum over axes, over all by default. */
export const sum = (x: Value, options: ReduceOptions = {}): Value => reduce("sum", x, options);
/** Maximum over axes. Its gradient goes to every element that equals the maximum, in equal shares. */
export const max = (x: Value, options: ReduceOptions = {}): Value => reduce("max", x, options);

/** The same elements in another shape; adds no node when the shapes are equal. */
export function reshape(x: Value, dims: Dimensions): Value {
  return sameDims(dims, x.dims) ? x : x.graph.apply("reshape", [x], { dims })[0];
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  return x.graph.apply("transpose", [x], { permutation })[0];
}

/** Repeats dimensions of size 1, and adds leading ones, up to `dims`. */
export function broadcast(x: Value, dims: Dimensions): Value {
  return sameDims(dims, x.dims) ? x : x.graph.apply("broadcast", [x], { dims })[0];
}

export function concat(inputs: Value[], axis: number): Value {
  return inputs[0].graph.apply("concat", inputs, { axis })[0];
}

/** Cuts `axis` into `parts` equal pieces. */
export function split(x: Value, axis: number, parts: number): Value[] {
  return x.graph.apply("split", [x], { axis, parts });
}

interface MatmulOptions {
  trans_a?: boolean;
  trans_b?: boolean;
  alpha?: number;
}

/** alpha · op(a) · op(b) over the last two axes; leading axes broadcast. */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const { trans_a = false, trans_b = false, alpha = 1 } = options;
  return a.graph.apply("matmul", [a, b], { trans_a, trans_b, alpha })[0];
}

interface GemmOptions {
  trans_a?: boolean;
  trans_b?: boolean;
  /** Added to the product; broadcasts. */
  c?: Value;
}

/** op(a) · op(b) + c for matrices. */
export function gemm(
  a: Value,
  b: Value,
  { trans_a = false, trans_b = false, c }: GemmOptions = {},
) {
  return a.graph.apply("gemm", c ? [a, b, c] : [a, b], { trans_a, trans_b })[0];
}

/**
 * Slices of the matrix `table` at integer `indices`: rows, [V, D] -> [...indices, D], or with axis 1 columns,
 * [D, V] -> [D, N]. Indices outside the table fail at run time.
 */
export function gather(table: Value, indices: Value, axis: 0 | 1 = 0): Value {
  return table.graph.apply("gather", [table, indices], { axis })[0];
}

/** The matrix `base` with rows (axis 1: columns) of `updates` added at `indices` [N]; repeats add up. */
export function scatterAdd(
  base: Value,
  indices: Value,
  updates: Value,
  axis: 0 | 1 = 0,
): Value {
  return base.graph.apply("scatter_add", [base, indices, updates], { axis })[0];
}

/** `x` [N, V] at column `indices` [N] of each row: [N]. */
export function takeAlongRows(x: Value, indices: Value): Value {
  return x.graph.apply("take_along_rows", [x, indices], {})[0];
}

/** `base` [N, V] with `updates` [N] added at column `indices` [N] of each row. */
export function addAlongRows(base: Value, indices: Value, updates: Value): Value {
  return base.graph.apply("add_along_rows", [base, indices, updates], {})[0];
}

/**
 * softmax(q kᵀ / √E) v of each head, where position t sees positions up to t; q and the result are [B, T, H, E], k and
 * v [B, T, K, E]. Where K < H, groups of H / K consecutive heads share keys and values (grouped-query attention:
 * Ainslie et al., 2023).
 *
 * @param document_start int32 [B, T], 0 <= document_start[t] <= t: the first position that position t sees, for rows
 * with several documents; 0 by default.
 */
export function causalAttention(q: Value, k: Value, v: Value, document_start?: Value): Value {
  const inputs = document_start ? [q, k, v, document_start] : [q, k, v];
  return q.graph.apply("causal_attention", inputs, {})[0];
}

/** (x - mean) / sqrt(variance + epsilon) · scale + bias over the last axis. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
  return x.graph.apply("layer_norm", [x, scale, bias], { epsilon })[0];
}

/** x / √(mean x² + epsilon) · scale over the last axis (Zhang & Sennrich, 2019). */
export function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  return x.graph.apply("rms_norm", [x, scale], { epsilon })[0];
}

/**
 * Rotary position embedding (Su et al., 2021) of `x` [B, T, H, Dh] with tables [T, R/2], or [B, T, R/2] in exported
 * models: for j < R/2, (x_j, x_{j+R/2}) -> (x_j cos - x_{j+R/2} sin, x_{j+R/2} cos + x_j sin); dims from R on pass through.
 */
export function rotary(x: Value, cos: Value, sin: Value): Value {
  return x.graph.apply("rotary", [x, cos, sin], {})[0];
}

/**
 * Tables for {@linkcode rotary} at `positions`, int64 [B, T]: cos and sin of position · frequency, times `scale`, [B, T, R/2]
 * each. Only in exported models, whose positions have no bound.
 */
export function rotaryAngles(
  positions: Value,
  attributes: OpAttributes["rotary_angles"],
): { cos: Value; sin: Value } {
  const [cos, sin] = positions.graph.apply("rotary_angles", [positions], attributes);
  return { cos, sin };
}

/**
 * `nll` [N]: -log softmax(logits)[label] for each row of `logits` [N, V], in nats; and `probabilities` [N, V]:
 * softmax(logits), for gradients written by hand. Only `nll` can be differentiated.
 */
export function softmaxCrossEntropy(
  logits: Value,
  labels: Value,
): { nll: Value; probabilities: Value } {
  const [nll, probabilities] = logits.graph.apply("softmax_cross_entropy", [logits, labels], {});
  return { nll, probabilities };
}

/**
 * What exported models with a key/value cache add to scores, float32 [B, 1, T, S]: new token t is at position
 * S - T + t, and sees positions up to that where `attention_mask`, int64 [B, S], is 1.
 *
 * @param tokens int64 [B, T], the new ones.
 */
export function cacheMask(attention_mask: Value, tokens: Value): Value {
  return tokens.graph.apply("cache_mask", [attention_mask, tokens], {})[0];
}

/** x Wᵀ with a quantized W; only in exported models. */
export function quantizedLinear(x: Value, attributes: OpAttributes["quantized_linear"]): Value {
  return x.graph.apply("quantized_linear", [x], attributes)[0];
}

/** Rows of a quantized table, [...indices, D]; only in exported models. */
export function quantizedGather(
  indices: Value,
  attributes: OpAttributes["quantized_gather"],
): Value {
  return indices.graph.apply("quantized_gather", [indices], attributes)[0];
}

/** A tensor of zeros. */
export function zeros(like: Value): Value {
  return broadcast(like.graph.scalar(0, like.dtype), like.shape);
}

/** Sums `x` over the axes along which `shape` was broadcast to x's shape: the reverse of broadcasting. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameDims(x.dims, shape)) return x;
  const lead = x.shape.length - shape.length;
  if (lead < 0) {
    throw new Error(`cannot sum ${formatShape(x.shape)} to ${formatShape(shape)}`);
  }
  const axes = x.shape.map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1));
  return reshape(sum(x, { axes }), shape);
}
