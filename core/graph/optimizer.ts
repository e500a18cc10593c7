/**
 * AdamW with gradient clipping as a graph over flattened parameters.
 *
 * @module
 */
import { add, div, maximum, mul, sqrt, sub, sumOfSquares } from "./functions.ts";
import { Graph } from "./graph.ts";
import type { Value } from "./types.ts";

/** Constants of AdamW (Loshchilov & Hutter, 2019). */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled weight decay, applied to the "decay" group only. */
  weight_decay: number;
  /** Largest global gradient norm; gradients are scaled down to it. Infinity: no clipping. */
  max_grad_norm: number;
}

/** Sizes of the two parameter groups, in elements. */
export interface GroupSizes {
  decay: number;
  no_decay: number;
}

/**
 * Builds one AdamW step over two flat groups of parameters.
 *
 * Inputs, all float32: for each group `param.G`, `grad.G`, `m.G`, `v.G` of shape [size of G]; the scalars
 * `learning_rate`, `correction1` = 1 - β₁ᵗ and `correction2` = 1 - β₂ᵗ, t counted from 1.
 * Outputs: `param.G.next`, `m.G.next`, `v.G.next`, and `grad_norm`, the global norm before clipping.
 * The arithmetic is that of torch.optim.AdamW and torch.nn.utils.clip_grad_norm_.
 */
export function adamW(sizes: GroupSizes, options: AdamWOptions): Graph {
  const graph = new Graph();
  const learning_rate = graph.input("learning_rate", "float32", []);
  const correction1 = graph.input("correction1", "float32", []);
  const correction2 = graph.input("correction2", "float32", []);
  const groups = Object.entries(sizes).filter(([, size]) => size > 0).map(([name, size]) => ({
    name,
    weight_decay: name === "decay" ? options.weight_decay : 0,
    param: graph.input(`param.${name}`, "float32", [size]),
    grad: graph.input(`grad.${name}`, "float32", [size]),
    m: graph.input(`m.${name}`, "float32", [size]),
    v: graph.input(`v.${name}`, "float32", [size]),
  }));

  const norm = sqrt(groups.map(({ grad }) => sumOfSquares(grad)).reduce((a, b) => add(a, b)));
  graph.output("grad_norm", norm);
  // min(1, c / (|g| + 1e-6)) = c / max(c, |g| + 1e-6)
  const clip = Number.isFinite(options.max_grad_norm)
    ? div(options.max_grad_norm, maximum(add(norm, 1e-6), options.max_grad_norm))
    : undefined;
  for (const group of groups) {
    const next = update(group, { learning_rate, correction1, correction2, clip }, options);
    for (const [name, value] of Object.entries(next)) {
      graph.output(`${name}.${group.name}.next`, value);
    }
  }
  return graph;
}

interface Group {
  param: Value;
  grad: Value;
  m: Value;
  v: Value;
  weight_decay: number;
}

interface Scalars {
  learning_rate: Value;
  correction1: Value;
  correction2: Value;
  clip?: Value;
}

/**
 * m' = β₁ m + (1-β₁) g,  v' = β₂ v + (1-β₂) g²,
 * p' = p (1 - η λ) - η/(1-β₁ᵗ) · m' / (√v' / √(1-β₂ᵗ) + ε)
 */
function update({ param, grad, m, v, weight_decay }: Group, scalars: Scalars, o: AdamWOptions) {
  const g = scalars.clip ? mul(grad, scalars.clip) : grad;
  const m_next = add(mul(m, o.beta1), mul(g, 1 - o.beta1));
  const v_next = add(mul(v, o.beta2), mul(mul(g, g), 1 - o.beta2));
  const denominator = add(div(sqrt(v_next), sqrt(scalars.correction2)), o.epsilon);
  const step_size = div(scalars.learning_rate, scalars.correction1);
  const decayed = weight_decay === 0
    ? param
    : mul(param, sub(1, mul(scalars.learning_rate, weight_decay)));
  const p_next = sub(decayed, mul(div(m_next, denominator), step_size));
  return { param: p_next, m: m_next, v: v_next };
}
