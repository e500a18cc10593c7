/**
 * RMS normalization, and the gradients of layer and RMS normalization, as ONNX nodes.
 *
 * @module
 */
import type { Lowering } from "./emitter.ts";

/** The fused operator gives 1 / rms in float32 whatever the dtype, and on WebGPU something else. */
export const lowerRmsNorm: Lowering<"rms_norm"> = (
  { inputs: [like], attributes: { epsilon } },
  [x, scale],
  [y, inverse_rms],
  emit,
) => {
  const { fused = true } = emit.options;
  if (fused && like.dtype === "float32") {
    const attributes = { axis: { int: -1 }, epsilon };
    emit.op("SimplifiedLayerNormalization", [x, scale], attributes, [y, inverse_rms]);
    return;
  }
  const square = emit.op("Mul", [x, x]);
  const mean = emit.op("ReduceMean", [square, emit.ints([-1])], { keepdims: { int: 1 } });
  const rms = emit.op("Sqrt", [emit.op("Add", [mean, emit.float(epsilon, like)])]);
  emit.op("Reciprocal", [rms], {}, inverse_rms);
  emit.op("Mul", [emit.op("Mul", [x, inverse_rms]), scale], {}, y);
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

/** x̂ = x / rms: d_x̂ = g γ, d_x = (d_x̂ - x̂ mean(d_x̂ x̂)) / rms, d_γ = Σ g x̂, as for layer normalization. */
export const lowerRmsNormGrad: Lowering<"rms_norm_grad"> = (
  { inputs: [like] },
  [x, scale, inverse_rms, g],
  [d_x, d_scale],
  emit,
) => {
  const normalized = emit.op("Mul", [x, inverse_rms]);
  const dn = emit.op("Mul", [g, scale]);
  const product = emit.op("Mul", [dn, normalized]);
  const mean = emit.op("ReduceMean", [product, emit.ints([-1])], { keepdims: { int: 1 } });
  const along = emit.op("Mul", [normalized, mean]);
  emit.op("Mul", [emit.op("Sub", [dn, along]), inverse_rms], {}, d_x);
  const others = emit.ints(like.shape.slice(1).map((_, axis) => axis));
  const total = emit.op("Mul", [g, normalized]);
  emit.op("ReduceSum", [total, others], { keepdims: { int: 0 } }, d_scale);
};
