/**
 * Graphs as plain data, which can be posted to another thread.
 *
 * @module
 */
import { Graph, type Value } from "./graph.ts";
import type { OpAttributes, OpName } from "./ops.ts";
import type { Dimensions, DType, TensorData } from "./types.ts";

/** A graph without methods. Values are numbered: inputs first, then constants, then outputs of nodes, all in order. */
export interface GraphData {
  readonly inputs: readonly { name: string; dtype: DType; dims: Dimensions }[];
  readonly constants: readonly { data: TensorData; shape: readonly number[] }[];
  readonly nodes: readonly { op: OpName; inputs: readonly number[]; attributes: unknown }[];
  readonly outputs: ReadonlyMap<string, number>;
}

export function graphData(graph: Graph): GraphData {
  const numbers = new Map<Value, number>();
  const number = (value: Value) => numbers.get(value)!;
  const constants = [...graph.constants];
  for (const value of graph.inputs) numbers.set(value, numbers.size);
  for (const [value] of constants) numbers.set(value, numbers.size);
  for (const { outputs } of graph.nodes) {
    for (const value of outputs) numbers.set(value, numbers.size);
  }
  return {
    inputs: graph.inputs.map(({ name, dtype, dims }) => ({ name, dtype, dims })),
    constants: constants.map(([{ shape }, data]) => ({ data, shape })),
    nodes: graph.nodes.map(({ op, inputs, attributes }) => {
      return { op, inputs: inputs.map(number), attributes };
    }),
    outputs: new Map([...graph.outputs].map(([name, value]) => [name, number(value)])),
  };
}

/** A graph that computes the same; names of constants are not kept. */
export function graphOf({ inputs, constants, nodes, outputs }: GraphData): Graph {
  const graph = new Graph();
  const values: Value[] = [];
  for (const { name, dtype, dims } of inputs) values.push(graph.input(name, dtype, dims));
  for (const { data, shape } of constants) values.push(graph.constant(data, shape));
  for (const { op, inputs, attributes } of nodes) {
    const operands = inputs.map((i) => values[i]);
    values.push(...graph.apply(op, operands, attributes as OpAttributes[typeof op]));
  }
  for (const [name, i] of outputs) graph.output(name, values[i]);
  return graph;
}
