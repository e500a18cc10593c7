/**
 * Reverse-mode differentiation: walks the nodes backwards and applies the gradient table.
 *
 * @module
 */
import { add, broadcast, zeros } from "./functions.ts";
import type { Node, Value } from "./graph.ts";
import type { OpName } from "./ops.ts";
import { formatShape, sizeOf } from "./types.ts";
import { VJP, WITH_BY_PRODUCTS } from "./vjp.ts";

/**
 * Adds nodes that compute the gradient of a scalar with respect to each of `targets`.
 *
 * @param loss a value with one element.
 * @returns one value per target, of the target's shape.
 * @throws {Error} when the loss is not a scalar, or does not depend on a target.
 */
export function gradients(loss: Value, targets: readonly Value[]): Value[] {
  if (sizeOf(loss.shape) !== 1) {
    throw new Error(`gradients need a scalar, got shape ${formatShape(loss.shape)}`);
  }
  const one = broadcast(loss.graph.scalar(1, loss.dtype), loss.shape);
  return backpropagate(new Map([[loss, one]]), targets);
}

/**
 * Adds nodes that propagate given gradients of some values back to each of `targets`.
 *
 * @param cotangents the gradient of the loss with respect to each of some values, of the same shape.
 * @returns one value per target, of the target's shape.
 * @throws {Error} when none of the values depends on a target.
 */
export function backpropagate(
  cotangents: ReadonlyMap<Value, Value>,
  targets: readonly Value[],
): Value[] {
  const [{ graph }] = cotangents.keys();
  const needed = dependents(graph.nodes, targets);
  const grads = new Map(cotangents);
  // The list is copied: rules append nodes to the graph while we walk.
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => grads.has(output))) continue;
    if (!node.inputs.some((input) => needed.has(input))) continue;
    const input_grads = applyRule(node, grads);
    node.inputs.forEach((input, i) => {
      const grad = input_grads[i];
      if (!grad || !needed.has(input)) return;
      const sum = grads.get(input);
      grads.set(input, sum ? add(sum, grad) : grad);
    });
  }
  return targets.map((target) => {
    const grad = grads.get(target);
    if (!grad) throw new Error(`the loss does not depend on "${target.name}"`);
    return grad;
  });
}

/** All values that depend on one of the targets, the targets included. */
function dependents(nodes: readonly Node[], targets: readonly Value[]): Set<Value> {
  const set = new Set<Value>(targets);
  for (const node of nodes) {
    if (node.inputs.some((input) => set.has(input))) node.outputs.forEach((o) => set.add(o));
  }
  return set;
}

function applyRule(node: Node, grads: Map<Value, Value>): (Value | undefined)[] {
  const differentiable = WITH_BY_PRODUCTS.has(node.op) ? 1 : node.outputs.length;
  if (node.outputs.slice(differentiable).some((output) => grads.has(output))) {
    throw new Error(`${node.op} cannot be differentiated through its by-products`);
  }
  const given = node.outputs.slice(0, differentiable).map((output) => {
    return grads.get(output) ?? zeros(output);
  });
  const rule = VJP[node.op] as (node: Node<OpName>, ...grads: Value[]) => (Value | undefined)[];
  return rule(node, ...given);
}

/**
 * Adds `grad` to an accumulator, without a separate pass where the last op can do it: a gemm with the accumulator as its
 * third input, a scatter with it as its base.
 */
export function accumulate(accumulator: Value, grad: Value): Value {
  const { node, graph } = grad;
  if (node && isSoleUse(node, grad)) {
    if (node.op === "gemm" && node.inputs.length === 2) {
      return graph.apply("gemm", [...node.inputs, accumulator], node.attributes as never)[0];
    }
    if (node.op === "scatter_add" && isZeros(node.inputs[0])) {
      const inputs = [accumulator, ...node.inputs.slice(1)];
      return graph.apply("scatter_add", inputs, node.attributes as never)[0];
    }
  }
  return add(accumulator, grad);
}

/** True for a broadcast constant 0, as `zeros` makes. */
function isZeros({ node, graph }: Value): boolean {
  return node?.op === "broadcast" &&
    graph.constants.get(node.inputs[0])?.every((x) => x == 0) === true;
}

/** True when nothing else reads the value, so that its node becomes dead once replaced. */
function isSoleUse(node: Node, value: Value): boolean {
  return !node.outputs[0].graph.nodes.some((other) => other.inputs.includes(value));
}
