/**
 * The gradient table: for each op, the vector-Jacobian product that turns the gradients of its outputs into
 * gradients of its inputs. A missing rule does not compile.
 *
 * In the formulas g is the gradient of the output, d_x that of input x.
 *
 * @module
 */
import {
  addAlongRows,
  broadcast,
  concat,
  div,
  gather,
  gemm,
  matmul,
  mul,
  neg,
  reshape,
  rotary,
  scatterAdd,
  split,
  sub,
  sum,
  sumTo,
  takeAlongRows,
  transpose,
  zeros,
} from "./functions.ts";
import type { Node, Value } from "./graph.ts";
import type { OpAttributes, OpName } from "./ops.ts";

/** Gradients of a node's inputs, in order; undefined where an input (an index, say) has none. */
type InputGradients = (Value | undefined)[];

type Rule<Op extends OpName> = (node: Node<Op>, ...grads: Value[]) => InputGradients;

/** Ops whose first output only has a gradient. The others are by-products; a gradient of one is an error. */
export const WITH_BY_PRODUCTS: ReadonlySet<OpName> = new Set(
  ["layer_norm", "rms_norm", "causal_attention", "softmax_cross_entropy"] as const,
);

export const VJP: { [Op in OpName]: Rule<Op> } = {
  add: ({ inputs: [a, b] }, g) => [sumTo(g, a.shape), sumTo(g, b.shape)],
  sub: ({ inputs: [a, b] }, g) => [sumTo(g, a.shape), neg(sumTo(g, b.shape))],
  mul: ({ inputs: [a, b] }, g) => [sumTo(mul(g, b), a.shape), sumTo(mul(g, a), b.shape)],
  // y = a / b: d_a = g / b, d_b = -g y / b
  div: ({ inputs: [a, b], outputs: [y] }, g) => {
    const da = div(g, b);
    return [sumTo(da, a.shape), neg(sumTo(mul(da, y), b.shape))];
  },
  // y - a is positive exactly where b is larger; (y - a) / max(y - a, tiny) makes it 1 without a comparison op.
  // On a tie a gets g.
  maximum: ({ inputs: [a, b], outputs: [y] }, g) => {
    const b_won = winner(sub(y, a));
    return [sumTo(mul(g, sub(1, b_won)), a.shape), sumTo(mul(g, b_won), b.shape)];
  },
  equal: () => [undefined, undefined],
  neg: (_, g) => [neg(g)],
  exp: ({ outputs: [y] }, g) => [mul(g, y)],
  sqrt: ({ outputs: [y] }, g) => [div(mul(g, 0.5), y)],
  gelu: ({ inputs: [x] }, g) => x.graph.apply("gelu_grad", [x, g], {}),
  gelu_tanh: ({ inputs: [x] }, g) => x.graph.apply("gelu_tanh_grad", [x, g], {}),
  silu: ({ inputs: [x], outputs: [y] }, g) => x.graph.apply("silu_grad", [x, y, g], {}),
  sum: ({ inputs: [x], attributes }, g) => [broadcast(keepDims(g, x, attributes), x.shape)],
  max: ({ inputs: [x], outputs: [y], attributes }, g) => {
    const { axes } = attributes;
    const is_max = sub(1, winner(sub(keepDims(y, x, attributes), x)));
    const share = div(is_max, sum(is_max, { axes, keep_dims: true }));
    return [mul(share, keepDims(g, x, attributes))];
  },
  reshape: ({ inputs: [x] }, g) => [reshape(g, x.shape)],
  transpose: (
    { attributes: { permutation } },
    g,
  ) => [transpose(g, permutation.map((_, axis) => permutation.indexOf(axis)))],
  broadcast: ({ inputs: [x] }, g) => [sumTo(g, x.shape)],
  concat: ({ inputs, attributes: { axis } }, g) => {
    if (inputs.some((x) => x.shape[axis] !== inputs[0].shape[axis])) {
      throw new Error("concat of unequal parts has no gradient rule");
    }
    return inputs.length === 1 ? [g] : split(g, axis, inputs.length);
  },
  split: ({ attributes: { axis } }, ...g) => [concat(g, axis)],
  // y = alpha A B: d_A = alpha g Bᵀ, d_B = alpha Aᵀ g; with A or B transposed, the transposes of these.
  matmul: ({ inputs: [a, b], attributes: { trans_a, trans_b, alpha } }, g) => {
    const d_a = trans_a
      ? matmul(b, g, { trans_a: trans_b, trans_b: true, alpha })
      : matmul(g, b, { trans_b: !trans_b, alpha });
    const d_b = trans_b
      ? matmul(g, a, { trans_a: true, trans_b: trans_a, alpha })
      : matmul(a, g, { trans_a: !trans_a, alpha });
    return [sumTo(d_a, a.shape), sumTo(d_b, b.shape)];
  },
  gemm: ({ inputs: [a, b, c], attributes: { trans_a, trans_b } }, g) => [
    trans_a ? gemm(b, g, { trans_a: trans_b, trans_b: true }) : gemm(g, b, { trans_b: !trans_b }),
    trans_b ? gemm(g, a, { trans_a: true, trans_b: trans_a }) : gemm(a, g, { trans_a: !trans_a }),
    ...(c ? [sumTo(g, c.shape)] : []),
  ],
  gather: ({ inputs: [table, indices], attributes: { axis } }, g) => [
    scatterAdd(zeros(table), indices, g, axis),
    undefined,
  ],
  scatter_add: ({ inputs: [, indices], attributes: { axis } }, g) => [
    g,
    undefined,
    gather(g, indices, axis),
  ],
  take_along_rows: ({ inputs: [x, indices] }, g) => [
    addAlongRows(zeros(x), indices, g),
    undefined,
  ],
  add_along_rows: ({ inputs: [, indices] }, g) => [g, undefined, takeAlongRows(g, indices)],
  // y = softmax(x): d_x = y (g - Σ g y)
  softmax: ({ outputs: [y] }, g) => [
    mul(y, sub(g, sum(mul(g, y), { axes: [-1], keep_dims: true }))),
  ],
  // The rule needs no mask: the by-product contains probabilities, and those of hidden keys are 0.
  causal_attention: ({ inputs: [q, k, v], outputs: [o, by_product] }, g) =>
    q.graph.apply("causal_attention_grad", [q, k, v, o, by_product, g], {}),
  cache_mask: () => [undefined, undefined],
  layer_norm: ({ inputs: [x, scale], outputs: [, mu, inverse_deviation], attributes }, g) =>
    x.graph.apply("layer_norm_grad", [x, scale, mu, inverse_deviation, g], attributes),
  rms_norm: ({ inputs: [x, scale], outputs: [, inverse_rms], attributes }, g) =>
    x.graph.apply("rms_norm_grad", [x, scale, inverse_rms, g], attributes),
  // A rotation's transpose is the rotation by the negative angle. The tables are constants of the model.
  rotary: ({ inputs: [, cos, sin] }, g) => [rotary(g, cos, neg(sin)), undefined, undefined],
  // d_logits = g (softmax(logits) - onehot(label))
  softmax_cross_entropy: ({ inputs: [, labels], outputs: [, probabilities] }, g) => {
    const scaled = mul(probabilities, reshape(g, [g.shape[0], 1]));
    return [addAlongRows(scaled, labels, neg(g)), undefined];
  },
  rotary_angles: noGradient,
  gelu_grad: noGradient,
  gelu_tanh_grad: noGradient,
  silu_grad: noGradient,
  layer_norm_grad: noGradient,
  rms_norm_grad: noGradient,
  causal_attention_grad: noGradient,
  quantized_linear: noGradient,
  quantized_gather: noGradient,
};

function noGradient({ op }: Node): never {
  throw new Error(`${op} has no gradient: first derivatives only, and none of quantized weights`);
}

/** 1 where `difference` is positive and 0 where it is zero; it must not be negative. */
function winner(difference: Value): Value {
  const tiny = difference.dtype === "float64" ? 1e-300 : 1e-37;
  return div(difference, maximumOf(difference, tiny));
}

function maximumOf(x: Value, floor: number): Value {
  return x.graph.apply("maximum", [x, x.graph.scalar(floor, x.dtype)], {})[0];
}

/** Gives a reduced value the rank of `x` again. */
function keepDims(reduced: Value, x: Value, { axes }: OpAttributes["sum"]): Value {
  return reshape(reduced, x.shape.map((dim, axis) => axes.includes(axis) ? 1 : dim));
}
