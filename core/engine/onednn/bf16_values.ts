/**
 * Which values are kept in bfloat16.
 *
 * @module
 */
import type { Graph, Node, Value } from "../../graph/mod.ts";

type Op = Node["op"];

/** Ops that can write output number 0 (softmax_cross_entropy: 1) in bfloat16. */
const WRITERS: Partial<Record<Op, number>> = {
  gemm: 0,
  gelu: 0,
  gelu_grad: 0,
  gelu_tanh: 0,
  gelu_tanh_grad: 0,
  silu: 0,
  silu_grad: 0,
  mul: 0,
  layer_norm: 0,
  rms_norm: 0,
  concat: 0,
  causal_attention: 0,
  softmax_cross_entropy: 1,
};

/** Ops that only move data. */
const MOVES: ReadonlySet<Op> = new Set(["reshape", "transpose", "split"]);

/** An elementwise product of two matrices, as in a gated MLP. */
function isGating({ op, inputs: [a, b] }: Node): boolean {
  return op === "mul" && a.shape.length === 2 && a.shape.join() === b.shape.join();
}

/** Whether an op reads operand i in bfloat16 anyway, or not at all. */
function readsLow(node: Node, i: number): boolean {
  const { op, inputs, attributes } = node;
  switch (op) {
    case "mul":
      return isGating(node);
    case "gemm":
      return i < 2;
    case "gelu":
    case "gelu_grad":
    case "gelu_tanh":
    case "gelu_tanh_grad":
    case "silu":
    case "silu_grad":
    case "causal_attention":
    case "causal_attention_grad":
      return true;
    case "sum":
      return inputs[0].shape.length === 2 &&
        (attributes as Node<"sum">["attributes"]).axes.join() === "0";
    default:
      return false;
  }
}

/**
 * The values that are read only by ops that round their operands to bfloat16 anyway, as products do. Kept in bfloat16,
 * they need half the memory and lose nothing.
 */
export function bf16Values(graph: Graph, nodes: readonly Node[]): Set<Value> {
  const readers = new Map<Value, [Node, number][]>();
  for (const node of nodes) {
    node.inputs.forEach((input, i) => {
      const list = readers.get(input) ?? [];
      list.push([node, i]);
      readers.set(input, list);
    });
  }
  const outputs = new Set(graph.outputs.values());
  const allLow = (value: Value): boolean =>
    !outputs.has(value) &&
    (readers.get(value) ?? []).every(([node, i]) =>
      MOVES.has(node.op) ? node.outputs.every(allLow) : readsLow(node, i)
    );
  const low = new Set<Value>();
  for (const node of nodes) {
    const index = WRITERS[node.op];
    if (index === undefined) continue;
    if (node.op === "mul" && !isGating(node)) continue;
    // Products that are added to a matrix write to it.
    if (node.op === "gemm" && node.inputs[2]?.shape.length === 2) continue;
    if (allLow(node.outputs[index])) low.add(node.outputs[index]);
  }
  return low;
}
