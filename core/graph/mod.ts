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
export type { LoweringOptions } from "./emitter.ts";
export { Graph, type Node, Value } from "./graph.ts";
export { type GraphData, graphData, graphOf } from "./graph_data.ts";
export { liveNodes, lowerToOnnx } from "./lower.ts";
export { blockCount, causalMask, LOWEST } from "./lower_attention.ts";
export {
  type AdamWOptions,
  adamWTensors,
  totalSquaresGraph,
  type UpdatedTensor,
} from "./optimizer.ts";
export type {
  Dimension,
  Dimensions,
  DType,
  QuantizedMatrix,
  Shape,
  TensorData,
  TensorType,
} from "./types.ts";
export { ARRAYS, formatShape, sizeOf } from "./types.ts";
