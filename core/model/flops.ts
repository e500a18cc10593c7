/**
 * Floating-point operations of a model's matrix products.
 *
 * @module
 */
import type { GptNeoXConfig } from "./config.ts";
import type { BatchShape } from "./gpt_neox.ts";

/** Which passes count: forward alone, or forward and backward. */
export type Passes = "forward" | "step";

/** A matrix product op(A) · op(B) -> [m, n] over k, and how often a pass computes it. */
export interface Product {
  readonly name: string;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly trans_a: boolean;
  readonly trans_b: boolean;
  readonly count: number;
}

/** A product of [m, k] and [k, n] takes m n k multiplications and as many additions. */
export const productFlops = ({ m, k, n }: Product): number => 2 * m * k * n;

/**
 * Products of the linear layers, with N = rows · length positions. For y = x Wᵀ, W [out, in]:
 *
 *     forward   y  = x Wᵀ     [N, in]  [in, out]
 *     backward  dx = dy W     [N, out] [out, in]
 *               dW = dyᵀ x    [out, N] [N, in]
 */
export function linearProducts(
  config: GptNeoXConfig,
  { rows, length }: BatchShape,
  passes: Passes,
): Product[] {
  const { hidden_size: D, intermediate_size: F, num_hidden_layers: L, vocab_size: V } = config;
  const N = rows * length;
  const layers: [name: string, out: number, into: number, count: number][] = [
    ["query_key_value", 3 * D, D, L],
    ["dense", D, D, L],
    ["dense_h_to_4h", F, D, L],
    ["dense_4h_to_h", D, F, L],
    ["embed_out", V, D, 1],
  ];
  const plain = { trans_a: false, trans_b: false };
  return layers.flatMap(([name, out, into, count]): Product[] => {
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
 * q kᵀ and weights · v, of 2 B T² D each over all heads, in the forward pass, and two products for each of them
 * in the backward pass. The whole [T, T] square counts, though half of it is masked: an implementation
 * that skips the masked half does the step's work in fewer operations, and its share of the ceiling shows it.
 *
 *     forward = 2 N (L (4 D² + 2 D F) + D V) + 4 L B T² D
 *     step    = 3 · forward
 *
 * Nothing else counts: not norms, GELU, softmax, optimizer, nor what an implementation computes twice.
 */
export function passFlops(config: GptNeoXConfig, shape: BatchShape, passes: Passes): number {
  const { hidden_size: D, num_hidden_layers: L } = config;
  const linear = linearProducts(config, shape, passes)
    .reduce((sum, product) => sum + product.count * productFlops(product), 0);
  const attention = 4 * L * shape.rows * shape.length ** 2 * D;
  return linear + (passes === "forward" ? 1 : 3) * attention;
}
