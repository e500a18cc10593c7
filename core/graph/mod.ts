/**
 * Reverse-mode automatic differentiation that lowers to ONNX.
 *
 * A graph is written with the functions here, differentiated by {@linkcode gradients}, which looks every op
 * up in one table of rules, and turned into an ONNX model by {@linkcode lowerToOnnx}. Nothing here runs
 * anything: core/engine does.
 *
 * @module
 */
export * from "./functions.ts";
export { accumulate, backpropagate, gradients } from "./gradients.ts";
export { Graph } from "./graph.ts";
export { Emitter, MICROSOFT } from "./emitter.ts";
export type { LoweringOptions } from "./emitter.ts";
export { liveNodes, lowerToOnnx } from "./lower.ts";
export { blockCount, causalMask, LOWEST } from "./lower_attention.ts";
export { DATA_TYPE, type Dimension, encodeModel } from "./onnx_schema.ts";
export {
  adamW,
  type AdamWOptions,
  adamWTensors,
  sumOfSquaresGraph,
  totalSquaresGraph,
  type UpdatedTensor,
} from "./optimizer.ts";
export { formatShape, sizeOf } from "./types.ts";
export type { ConstantData, DType, Node, Shape, TensorType, Value } from "./types.ts";
