/**
 * Floating-point operations of a model's matrix products.
 *
 * @module
 */
import type { BatchShape } from "./decoder.ts";
import { familyOf, type ModelConfig } from "./families.ts";
import { embeddings, parameterSpecs } from "./parameters.ts";

/** Which passes are counted: forward alone, or forward and backward. */
export type Passes = "forward" | "step";

/** A matrix product op(A) · op(B) -> [m, n] over k, and how many times a pass computes it. */
export interface Product {
  readonly name: string;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly trans_a: boolean;
  readonly trans_b: boolean;
  readonly count: number;
}

/** A product of [m, k] and [k, n] is m n k multiplications and m n k additions. */
export const productFlops = ({ m, k, n }: Product): number => 2 * m * k * n;

interface LinearLayer {
  readonly name: string;
  readonly out: number;
  readonly into: number;
  count: number;
}

/** Linear layers by the last part of their names: all matrices except an untied input embedding. */
function linearLayers(config: ModelConfig): LinearLayer[] {
  const { input, tied } = embeddings(config);
  const layers = new Map<string, LinearLayer>();
  for (const { name: full, shape: [out, into] } of parameterSpecs(config)) {
    if (into === undefined || (full === input.name && !tied)) continue;
    const [name] = full.split(".").slice(-2);
    const layer = layers.get(name) ?? { name, out, into, count: 0 };
    layer.count++;
    layers.set(name, layer);
  }
  return [...layers.values()];
}

/**
 * Products of the linear layers, with N = rows · length positions. For y = x Wᵀ, W [out, in]:
 *
 *     forward   y  = x Wᵀ     [N, in]  [in, out]
 *     backward  dx = dy W     [N, out] [out, in]
 *               dW = dyᵀ x    [out, N] [N, in]
 */
export function linearProducts(
  config: ModelConfig,
  { rows, length }: BatchShape,
  passes: Passes,
): Product[] {
  const N = rows * length;
  const plain = { trans_a: false, trans_b: false };
  return linearLayers(config).flatMap(({ name, out, into, count }): Product[] => {
    const forward = { ...plain, name, m: N, k: into, n: out, trans_b: true, count };
    if (passes === "forward") return [forward];
    return [
      forward,
      { ...plain, name: `${name}, d input`, m: N, k: out, n: into, count },
      { ...plain, name: `${name}, d weight`, m: out, k: N, n: into, trans_a: true, count },
    ];
  });
}

/**
 * FLOPs of all matrix products of a pass: those of the linear layers, and of attention. Each layer of attention has
 * q kᵀ and weights · v, of 2 B T² H E each over H heads of E dims, in the forward pass, and two products for each of
 * them in the backward pass. The whole [T, T] square is counted, though half of it is masked: an implementation that
 * skips the masked half needs fewer operations for the same work, and reaches a higher share of the ceiling.
 *
 *     forward = 2 N W + 4 L B T² H E, with W the weights of all linear layers
 *     step    = 3 · forward
 *
 * Nothing else is counted: no norms, activations, softmax, optimizer, nor what an implementation computes twice.
 */
export function passFlops(config: ModelConfig, shape: BatchShape, passes: Passes): number {
  const { num_attention_heads: H, head_dim: E } = familyOf(config).attentionShape(config);
  const linear = linearProducts(config, shape, passes)
    .reduce((sum, product) => sum + product.count * productFlops(product), 0);
  const attention = 4 * config.num_hidden_layers * shape.rows * shape.length ** 2 * H * E;
  return linear + (passes === "forward" ? 1 : 3) * attention;
}
