/**
 * RMS normalization, and the gradients of layer and RMS normalization, as ONNX nodes.
 *
 * @module
 */
import type { Emitter, Lowering } from "./emitter.ts";
import type { Value } from "./graph.ts";

/** The fused operator returns 1 / rms in float32 whatever the dtype, and a wrong one on WebGPU. */
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
  const square = mean(emit, emit.op("Mul", [x, x]));
  const rms = emit.op("Sqrt", [emit.op("Add", [square, emit.float(epsilon, like)])]);
  emit.op("Reciprocal", [rms], {}, inverse_rms);
  emit.op("Mul", [emit.op("Mul", [x, inverse_rms]), scale], {}, y);
};

/**
 * With x̂ = (x - μ) / σ, or x / rms without μ: d_x̂ = g γ, d_x = (d_x̂ - mean(d_x̂) - x̂ mean(d_x̂ x̂)) / σ, where RMS
 * normalization has no mean(d_x̂); d_γ = Σ g x̂, d_β = Σ g. Means are over the last axis, sums over all others.
 */
export const lowerLayerNormGrad: Lowering<"layer_norm_grad"> = (
  { inputs: [like] },
  [x, scale, mu, inverse_deviation, g],
  [d_x, d_scale, d_bias],
  emit,
) => {
  const normalized = emit.op("Mul", [emit.op("Sub", [x, mu]), inverse_deviation]);
  const dn = emit.op("Mul", [g, scale]);
  const along = emit.op("Mul", [normalized, mean(emit, emit.op("Mul", [dn, normalized]))]);
  const centred = emit.op("Sub", [emit.op("Sub", [dn, mean(emit, dn)]), along]);
  emit.op("Mul", [centred, inverse_deviation], {}, d_x);
  sumOfRows(emit, like, emit.op("Mul", [g, normalized]), d_scale);
  sumOfRows(emit, like, g, d_bias);
};

/** See {@linkcode lowerLayerNormGrad}. */
export const lowerRmsNormGrad: Lowering<"rms_norm_grad"> = (
  { inputs: [like] },
  [x, scale, inverse_rms, g],
  [d_x, d_scale],
  emit,
) => {
  const normalized = emit.op("Mul", [x, inverse_rms]);
  const dn = emit.op("Mul", [g, scale]);
  const along = emit.op("Mul", [normalized, mean(emit, emit.op("Mul", [dn, normalized]))]);
  emit.op("Mul", [emit.op("Sub", [dn, along]), inverse_rms], {}, d_x);
  sumOfRows(emit, like, emit.op("Mul", [g, normalized]), d_scale);
};

/** Over the last axis. */
function mean(emit: Emitter, x: string): string {
  return emit.op("ReduceMean", [x, emit.ints([-1])], { keepdims: { int: 1 } });
}

/** Over all axes but the last. */
function sumOfRows(emit: Emitter, { dims }: Value, x: string, output: string): void {
  const axes = emit.ints(dims.slice(1).map((_, axis) => axis));
  emit.op("ReduceSum", [x, axes], { keepdims: { int: 0 } }, output);
}
