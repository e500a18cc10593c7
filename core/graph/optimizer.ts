/**
 * AdamW as graphs over flat pieces of the parameters.
 *
 * The optimizer is elementwise, so it can be cut anywhere. Pieces that fit into the processor's cache make its
 * dozen passes cost one trip through memory, and bound its temporaries whatever the model's size.
 *
 * @module
 */
import { add, div, mul, sqrt, sub, sumOfSquares } from "./functions.ts";
import { Graph } from "./graph.ts";

/** Constants of AdamW (Loshchilov & Hutter, 2019). */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** Input `grad` [size] -> output `sum_of_squares`, a scalar. */
export function sumOfSquaresGraph(size: number): Graph {
  const graph = new Graph();
  graph.output("sum_of_squares", sumOfSquares(graph.input("grad", "float32", [size])));
  return graph;
}

/**
 * One AdamW step on a piece of the parameters, with the arithmetic of torch.optim.AdamW.
 *
 * Inputs, float32: `param`, `grad`, `m`, `v` of shape [size]; the scalars `learning_rate` η, `weight_decay` λ,
 * `clip` c (what the gradient is multiplied by), `correction1` = 1 - β₁ᵗ and `correction2` = 1 - β₂ᵗ, with t
 * counted from 1. Outputs: `param.next`, `m.next`, `v.next`.
 *
 *     g  = c · grad
 *     m' = β₁ m + (1-β₁) g
 *     v' = β₂ v + (1-β₂) g²
 *     p' = p (1 - η λ) - η/(1-β₁ᵗ) · m' / (√v' / √(1-β₂ᵗ) + ε)
 *
 * Each of `param`, `m` and `v` is read by a single node, on which the node that writes its successor depends.
 * So every output may be written over its input.
 */
export function adamW(size: number, { beta1, beta2, epsilon }: AdamWOptions): Graph {
  const graph = new Graph();
  const scalar = (name: string) => graph.input(name, "float32", []);
  const vector = (name: string) => graph.input(name, "float32", [size]);
  const learning_rate = scalar("learning_rate");
  const g = mul(vector("grad"), scalar("clip"));
  const m = add(mul(vector("m"), beta1), mul(g, 1 - beta1));
  const v = add(mul(vector("v"), beta2), mul(mul(g, g), 1 - beta2));
  const denominator = add(div(sqrt(v), sqrt(scalar("correction2"))), epsilon);
  const step_size = div(learning_rate, scalar("correction1"));
  const kept = sub(1, mul(learning_rate, scalar("weight_decay")));
  const param = sub(mul(vector("param"), kept), mul(div(m, denominator), step_size));
  graph.output("param.next", param);
  graph.output("m.next", m);
  graph.output("v.next", v);
  return graph;
}
