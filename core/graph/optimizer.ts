/**
 * AdamW as graphs.
 *
 * The optimizer is elementwise, so it can be cut anywhere. On a CPU it works on pieces of the flat parameters that fit
 * the cache: its dozen passes then cost one trip through memory, and its temporaries do not grow with the model. On a
 * device it updates whole tensors, a group at a time.
 *
 * @module
 */
import { add, div, mul, sqrt, sub, sum, sumOfSquares } from "./functions.ts";
import { Graph } from "./graph.ts";
import type { Shape } from "./types.ts";

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

/**
 * One AdamW step on a piece of the parameters, with the arithmetic of torch.optim.AdamW.
 *
 * Inputs, float32: `param`, `grad`, `m`, `v` of shape [size]; the scalars `learning_rate` η, `weight_decay` λ,
 * `clip` c (a factor of the gradient), `correction1` = 1 - β₁ᵗ and `correction2` = 1 - β₂ᵗ, with t
 * counted from 1. Outputs: `param.next`, `m.next`, `v.next`.
 *
 *     g  = c · grad
 *     m' = β₁ m + (1-β₁) g
 *     v' = β₂ v + (1-β₂) g²
 *     p' = p (1 - η λ) - η/(1-β₁ᵗ) · m' / (√v' / √(1-β₂ᵗ) + ε)
 *
 * Each of `param`, `m` and `v` is read by a single node, on which the node that writes its successor depends, so on a
 * CPU every output may be written over its input.
 */
export function adamW(size: number, options: AdamWOptions): Graph {
  const graph = new Graph();
  addUpdate(graph, "", { shape: [size], decays: true }, declareScalars(graph), options);
  return graph;
}

/** A tensor that {@linkcode adamWTensors} updates. */
export interface UpdatedTensor {
  shape: Shape;
  /** Whether weight decay applies to it. */
  decays: boolean;
}

/**
 * One AdamW step on some tensors: like {@linkcode adamW}, with inputs `I.param`, `I.grad`, `I.m`, `I.v` and outputs
 * `I.param.next`, `I.m.next`, `I.v.next` for tensor number I.
 */
export function adamWTensors(tensors: readonly UpdatedTensor[], options: AdamWOptions): Graph {
  const graph = new Graph();
  const scalars = declareScalars(graph);
  tensors.forEach((tensor, i) => addUpdate(graph, `${i}.`, tensor, scalars, options));
  return graph;
}

type Scalars = ReturnType<typeof declareScalars>;

function declareScalars(graph: Graph) {
  const scalar = (name: string) => graph.input(name, "float32", []);
  return {
    learning_rate: scalar("learning_rate"),
    weight_decay: scalar("weight_decay"),
    clip: scalar("clip"),
    correction1: scalar("correction1"),
    correction2: scalar("correction2"),
  };
}

/** Adds the update of one tensor, whose inputs and outputs have names that start with `prefix`. */
function addUpdate(
  graph: Graph,
  prefix: string,
  { shape, decays }: UpdatedTensor,
  { learning_rate, weight_decay, clip, correction1, correction2 }: Scalars,
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
