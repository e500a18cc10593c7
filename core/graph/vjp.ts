/**
 * The gradient table: for each op, the vector-Jacobian product that turns the gradients of its outputs into
 * gradients of its inputs. A missing rule does not compile.
 *
 * In the formulas g is the gradient of the output, d_x that of input x.
 *
 * @module
 */
import {
  add,
  addAlongRows,
  broadcast,
  concat,
  div,
  erf,
  exp,
  gather,
  gemm,
  matmul,
  mean,
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
import type { OpAttributes, OpName } from "./ops.ts";
import type { Node, Value } from "./types.ts";

/** Gradients of a node's inputs, in order; undefined where an input (an index, say) has none. */
type InputGradients = (Value | undefined)[];

type Rule<Op extends OpName> = (node: Node<Op>, ...grads: Value[]) => InputGradients;

/**
 * Ops whose further outputs are by-products for the rule itself; a gradient flowing into one is refused
 * rather than dropped.
 */
export const AUXILIARY_OUTPUTS: Partial<Record<OpName, number>> = {
  layer_norm: 1,
  softmax_matmul: 1,
  softmax_cross_entropy: 1,
};

export const VJP: { [Op in OpName]: Rule<Op> } = {
  add: ({ inputs: [a, b] }, g) => [sumTo(g, a.shape), sumTo(g, b.shape)],
  sub: ({ inputs: [a, b] }, g) => [sumTo(g, a.shape), neg(sumTo(g, b.shape))],
  mul: ({ inputs: [a, b] }, g) => [sumTo(mul(g, b), a.shape), sumTo(mul(g, a), b.shape)],
  // y = a / b: d_a = g / b, d_b = -g y / b
  div: ({ inputs: [a, b], outputs: [y] }, g) => {
    const da = div(g, b);
    return [sumTo(da, a.shape), neg(sumTo(mul(da, y), b.shape))];
  },
  // y - b is positive exactly where a won; the sign comes from x / |x| without a comparison op:
  // step = (y - b) / max(y - b, tiny). On a tie b wins nothing and a gets g, as documented.
  maximum: ({ inputs: [a, b], outputs: [y] }, g) => {
    const b_won = winner(sub(y, a));
    return [sumTo(mul(g, sub(1, b_won)), a.shape), sumTo(mul(g, b_won), b.shape)];
  },
  equal: () => [undefined, undefined],
  neg: (_, g) => [neg(g)],
  exp: ({ outputs: [y] }, g) => [mul(g, y)],
  log: ({ inputs: [x] }, g) => [div(g, x)],
  sqrt: ({ outputs: [y] }, g) => [div(mul(g, 0.5), y)],
  // erf'(x) = 2/√π exp(-x²)
  erf: ({ inputs: [x] }, g) => [mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))],
  // y = x Φ(x), Φ(x) = (1 + erf(x/√2)) / 2, φ(x) = exp(-x²/2) / √(2π): d_x = g (Φ(x) + x φ(x))
  gelu: ({ inputs: [x] }, g) => {
    const cdf = add(mul(erf(mul(x, Math.SQRT1_2)), 0.5), 0.5);
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [mul(g, add(cdf, mul(x, density)))];
  },
  sum: ({ inputs: [x], attributes }, g) => [broadcast(keepDims(g, x, attributes), x.shape)],
  max: ({ inputs: [x], outputs: [y], attributes }, g) => {
    const { axes } = attributes;
    const is_max = sub(1, winner(sub(keepDims(y, x, attributes), x)));
    const share = div(is_max, sum(is_max, { axes, keep_dims: true }));
    return [mul(share, keepDims(g, x, attributes))];
  },
  sum_of_squares: ({ inputs: [x] }, g) => [mul(mul(x, 2), g)],
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
  matmul: ({ inputs: [a, b], attributes: { trans_a, trans_b, alpha } }, g) => [
    trans_a
      ? matmul(b, g, { trans_a: trans_b, trans_b: true, alpha })
      : matmul(g, b, { trans_b: !trans_b, alpha }),
    trans_b
      ? matmul(g, a, { trans_a: true, trans_b: trans_a, alpha })
      : matmul(a, g, { trans_a: !trans_a, alpha }),
  ],
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
  // o = P v with P = softmax(s): d_v = Pᵀ g, d_P = g vᵀ, d_s = P (d_P - Σ_k d_P P). That sum needs no pass over
  // the scores: Σ_k (Σ_e g_e v_ke) P_k = Σ_e g_e o_e (Dao et al., 2022, "FlashAttention", appendix B.2).
  softmax_matmul: ({ inputs: [, v], outputs: [o, probabilities] }, g) => {
    const row_sums = sum(mul(g, o), { axes: [-1], keep_dims: true });
    const d_probabilities = matmul(g, v, { trans_b: true });
    return [
      mul(sub(d_probabilities, row_sums), probabilities),
      matmul(probabilities, g, { trans_a: true }),
    ];
  },
  // x̂ = (x - μ) / σ: d_x̂ = g γ, d_x = (d_x̂ - mean(d_x̂) - x̂ mean(d_x̂ x̂)) / σ, d_γ = Σ g x̂, d_β = Σ g
  layer_norm: ({ inputs: [x, scale, bias], outputs: [, mu, inverse_deviation] }, g) => {
    const row_mean = (value: Value) => mean(value, { axes: [-1], keep_dims: true });
    const normalized = mul(sub(x, mu), inverse_deviation);
    const dn = mul(g, scale);
    const centred = sub(sub(dn, row_mean(dn)), mul(normalized, row_mean(mul(dn, normalized))));
    return [
      mul(centred, inverse_deviation),
      sumTo(mul(g, normalized), scale.shape),
      sumTo(g, bias.shape),
    ];
  },
  // A rotation's transpose is the rotation by the negative angle. The tables are constants of the model.
  rotary: ({ inputs: [, cos, sin] }, g) => [rotary(g, cos, neg(sin)), undefined, undefined],
  // d_logits = g (softmax(logits) - onehot(label))
  softmax_cross_entropy: ({ inputs: [, labels], outputs: [, probabilities] }, g) => {
    const scaled = mul(probabilities, reshape(g, [g.shape[0], 1]));
    return [addAlongRows(scaled, labels, neg(g)), undefined];
  },
};

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
