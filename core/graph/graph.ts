/**
 * The graph under construction: inputs, constants, nodes, named outputs.
 *
 * @module
 */
import { type OpAttributes, type OpName, SHAPE_INFERENCE } from "./ops.ts";
import {
  ARRAYS,
  type Dimensions,
  type DType,
  dtypeOf,
  formatShape,
  type Shape,
  sizeOf,
  staticShape,
  type TensorData,
  type TensorType,
} from "./types.ts";

/** A tensor that exists when the graph runs: an input, a constant or the output of a node. */
export class Value implements TensorType {
  readonly dtype: DType;
  readonly dims: Dimensions;

  /** @param node the node that computes it; undefined for inputs and constants. */
  constructor(
    readonly graph: Graph,
    readonly name: string,
    { dtype, dims }: TensorType,
    readonly node?: Node,
  ) {
    this.dtype = dtype;
    this.dims = dims;
  }

  /** {@linkcode dims}, all of them numbers. @throws {Error} when one is a name. */
  get shape(): Shape {
    return staticShape(this.dims);
  }
}

/** One operation. Nodes are stored in the order they were added, which is a topological order. */
export interface Node<Op extends OpName = OpName> {
  readonly op: Op;
  inputs: Value[];
  readonly attributes: OpAttributes[Op];
  readonly outputs: readonly Value[];
}

/**
 * A computation, built by the functions of functions.ts and lowered to ONNX by {@linkcode lowerToOnnx}.
 *
 * @example
 * ```ts
 * import { add, gradients, Graph, sum } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const graph = new Graph();
 * const x = graph.input("x", "float32", [2, 3]);
 * const loss = sum(add(x, 1));
 * const [dx] = gradients(loss, [x]);
 * assert.deepEqual(dx.shape, [2, 3]);
 * ```
 */
export class Graph {
  readonly inputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly outputs: Map<string, Value> = new Map();
  readonly constants: Map<Value, TensorData> = new Map();
  readonly #scalars = new Map<string, Value>();
  #values = 0;

  #value(name: string | undefined, type: TensorType, node?: Node): Value {
    this.#values++;
    return new Value(this, name ?? `v${this.#values}`, type, node);
  }

  /** Declares an input, fed at every run. */
  input(name: string, dtype: DType, dims: Dimensions): Value {
    if (this.inputs.some((input) => input.name === name)) {
      throw new Error(`the graph already has an input "${name}"`);
    }
    const value = this.#value(name, { dtype, dims });
    this.inputs.push(value);
    return value;
  }

  /** Adds a constant tensor. The data is not copied. `name` must be unique; by default it is a number. */
  constant(data: TensorData, shape: Shape, name?: string): Value {
    if (data.length !== sizeOf(shape)) {
      throw new Error(
        `a constant of shape ${formatShape(shape)} cannot hold ${data.length} values`,
      );
    }
    const value = this.#value(name, { dtype: dtypeOf(data), dims: shape });
    this.constants.set(value, data);
    return value;
  }

  /** A scalar constant; equal ones are shared. */
  scalar(number: number, dtype: DType): Value {
    const key = `${dtype} ${number}`;
    let value = this.#scalars.get(key);
    if (!value) {
      const data = dtype === "int64" ? BigInt64Array.of(BigInt(number)) : ARRAYS[dtype].of(number);
      value = this.constant(data, []);
      this.#scalars.set(key, value);
    }
    return value;
  }

  /**
   * Adds a node and returns its outputs.
   *
   * @throws {Error} naming the op and its inputs when their types do not fit.
   */
  apply<Op extends OpName>(op: Op, inputs: Value[], attributes: OpAttributes[Op]): Value[] {
    if (inputs.some((input) => input.graph !== this)) {
      throw new Error(`${op}: an input belongs to another graph`);
    }
    let types: TensorType[];
    try {
      types = SHAPE_INFERENCE[op](inputs, attributes);
    } catch (error) {
      const given = inputs.map(({ dtype, dims }) => `${dtype} ${formatShape(dims)}`).join(", ");
      throw new Error(`${op} ${(error as Error).message}, got ${given}`);
    }
    const outputs: Value[] = [];
    const node = { op, inputs, attributes, outputs } as unknown as Node;
    for (const type of types) outputs.push(this.#value(undefined, type, node));
    this.nodes.push(node);
    return outputs;
  }

  /** Names a value as an output of the graph. */
  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw new Error(`the graph already has an output "${name}"`);
    this.outputs.set(name, value);
  }
}
