/**
 * The pieces of a graph: typed values and the nodes that make them. Shapes are static.
 *
 * @module
 */
import type { Graph } from "./graph.ts";
import type { OpAttributes, OpName } from "./ops.ts";

/** Element types of a value. */
export type DType = "float32" | "float64" | "int32" | "int64";

/** Dimensions, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** What shape inference computes for each output of a node. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A tensor that exists when the graph runs: an input, a constant or the output of a node. */
export interface Value extends TensorType {
  readonly graph: Graph;
  readonly name: string;
  /** The node that computes it; undefined for inputs and constants. */
  readonly node?: Node;
}

/** One operation. Nodes are stored in the order they were added, which is a topological order. */
export interface Node<Op extends OpName = OpName> {
  readonly op: Op;
  inputs: Value[];
  readonly attributes: OpAttributes[Op];
  readonly outputs: readonly Value[];
}

/** Data of a constant, in the memory layout of its dtype. */
export type ConstantData = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A shape as text: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
