/**
 * Gradients of activations and norms as ONNX nodes.
 *
 * @module
 */
import type { Lowering } from "./emitter.ts";

/**
 * y = x Φ(x): d_x = g (Φ(x) + x φ(x)). With u = x/√2, Φ(x) = (1 + erf u) / 2 and
 * φ(x) = exp(-x²/2) / √(2π) = exp(-ln √(2π) - u²).
 *
 * HardSigmoid is (e + 1) / 2 in one pass; it clips to [0, 1], where the result lies anyway.
 */
export const lowerGeluGrad: Lowering<"gelu_grad"> = (node, [x, g], [output], emit) => {
  const [like] = node.inputs;
  const u = emit.op("Mul", [x, emit.float(Math.SQRT1_2, like)]);
  const cdf = emit.op("HardSigmoid", [emit.op("Erf", [u])], { alpha: 0.5, beta: 0.5 });
  const log_scale = emit.float(-0.5 * Math.log(2 * Math.PI), like);
  const density = emit.op("Exp", [emit.op("Sub", [log_scale, emit.op("Mul", [u, u])])]);
  const slope = emit.op("Add", [cdf, emit.op("Mul", [x, density])]);
  emit.op("Mul", [g, slope], {}, output);
};

/**
 * x̂ = (x - μ) / σ: d_x̂ = g γ, d_x = (d_x̂ - mean(d_x̂) - x̂ mean(d_x̂ x̂)) / σ, d_γ = Σ g x̂, d_β = Σ g, the means
 * over the last axis and the sums over all others.
 */
export const lowerLayerNormGrad: Lowering<"layer_norm_grad"> = (
  { inputs: [like] },
  [x, scale, mu, inverse_deviation, g],
  [d_x, d_scale, d_bias],
  emit,
) => {
  const mean = (value: string) =>
    emit.op("ReduceMean", [value, emit.ints([-1])], { keepdims: { int: 1 } });
  const others = emit.ints(like.shape.slice(1).map((_, axis) => axis));
  const total = (value: string, output: string) =>
    emit.op("ReduceSum", [value, others], { keepdims: { int: 0 } }, output);
  const normalized = emit.op("Mul", [emit.op("Sub", [x, mu]), inverse_deviation]);
  const dn = emit.op("Mul", [g, scale]);
  const along = emit.op("Mul", [normalized, mean(emit.op("Mul", [dn, normalized]))]);
  const centred = emit.op("Sub", [emit.op("Sub", [dn, mean(dn)]), along]);
  emit.op("Mul", [centred, inverse_deviation], {}, d_x);
  total(emit.op("Mul", [g, normalized]), d_scale);
  total(g, d_bias);
};

/** y = x σ(x): d_x = g (σ(x) + y (1 - σ(x))). */
export const lowerSiluGrad: Lowering<"silu_grad"> = (node, [x, y, g], [output], emit) => {
  const [like] = node.inputs;
  const sigmoid = emit.op("Sigmoid", [x]);
  const rest = emit.op("Sub", [emit.float(1, like), sigmoid]);
  const slope = emit.op("Add", [sigmoid, emit.op("Mul", [y, rest])]);
  emit.op("Mul", [g, slope], {}, output);
};
