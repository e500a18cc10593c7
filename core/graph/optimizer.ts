/**
 * AdamW as graphs, for devices; on the CPU it is a kernel of core/engine.
 *
 * @module
 */
import { add, div, mul, sqrt, sub, sum } from "./functions.ts";
import { Graph, type Value } from "./graph.ts";
import type { Shape } from "./types.ts";

/** Constants of AdamW (Loshchilov & Hutter, 2019). */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/**
 * Inputs `NAME`, float32, for every tensor -> output `sum_of_squares`, a scalar over all of them. Rows are summed
 * first, which a device does in parallel and with smaller rounding errors.
 */
export function totalSquaresGraph(shapes: ReadonlyMap<string, Shape>): Graph {
  const graph = new Graph();
  const sums = [...shapes].map(([name, shape]) => {
    const x = graph.input(name, "float32", shape);
    return sum(sum(mul(x, x), { axes: [-1] }));
  });
  graph.output("sum_of_squares", sums.reduce((a, b) => add(a, b)));
  return graph;
}

/** A tensor that {@linkcode adamWTensors} updates. */
export interface UpdatedTensor {
  shape: Shape;
  /** Whether weight decay applies to it. */
  decays: boolean;
}

/**
 * One AdamW step on some tensors, with the arithmetic of torch.optim.AdamW.
 *
 * Inputs, float32: `I.param`, `I.grad`, `I.m`, `I.v` for tensor number I; the scalars `learning_rate` η,
 * `weight_decay` λ, `clip` c (a factor of the gradient), `correction1` = 1 - β₁ᵗ and `correction2` = 1 - β₂ᵗ, with t
 * counted from 1. Outputs: `I.param.next`, `I.m.next`, `I.v.next`.
 *
 *     g  = c · grad
 *     m' = β₁ m + (1-β₁) g
 *     v' = β₂ v + (1-β₂) g²
 *     p' = p (1 - η λ) - η/(1-β₁ᵗ) · m' / (√v' / √(1-β₂ᵗ) + ε)
 */
export function adamWTensors(tensors: readonly UpdatedTensor[], options: AdamWOptions): Graph {
  const graph = new Graph();
  const scalar = (name: string) => graph.input(name, "float32", []);
  const scalars = {
    learning_rate: scalar("learning_rate"),
    weight_decay: scalar("weight_decay"),
    clip: scalar("clip"),
    correction1: scalar("correction1"),
    correction2: scalar("correction2"),
  };
  tensors.forEach((tensor, i) => addUpdate(graph, `${i}.`, tensor, scalars, options));
  return graph;
}

/** Adds the update of one tensor, whose inputs and outputs have names that start with `prefix`. */
function addUpdate(
  graph: Graph,
  prefix: string,
  { shape, decays }: UpdatedTensor,
  { learning_rate, weight_decay, clip, correction1, correction2 }: Readonly<Record<string, Value>>,
  { beta1, beta2, epsilon }: AdamWOptions,
): void {
  const input = (name: string) => graph.input(prefix + name, "float32", shape);
  const param = input("param"), grad = input("grad");
  const previous = { m: input("m"), v: input("v") };
  const g = mul(grad, clip);
  const m = add(mul(previous.m, beta1), mul(g, 1 - beta1));
  const v = add(mul(previous.v, beta2), mul(mul(g, g), 1 - beta2));
  const denominator = add(div(sqrt(v), sqrt(correction2)), epsilon);
  const step_size = div(learning_rate, correction1);
  const kept = decays ? mul(param, sub(1, mul(learning_rate, weight_decay))) : param;
  const next = { param: sub(kept, mul(div(m, denominator), step_size)), m, v };
  for (const [name, value] of Object.entries(next)) graph.output(`${prefix}${name}.next`, value);
}
