/**
 * The matrix products of the linear layers in a training step, with the layouts that the training graph uses.
 *
 * @module
 */
import { parameterSpecs } from "../../core/model/mod.ts";
import { linearProducts } from "../shared/flops.ts";
import type { Size } from "../shared/sizes.ts";

/** The matrices of a linear layer; `x` and `y` have a row for each position, `d_` marks gradients. */
export type MatrixName = "x" | "w" | "y" | "d_x" | "d_w" | "d_y";

/** A linear layer, or the layers of one kind. */
export interface Linear {
  readonly name: string;
  /** Shape [rows, columns] of each matrix in memory, row-major. */
  readonly shapes: Readonly<Record<MatrixName, readonly [number, number]>>;
  readonly products: readonly LinearProduct[];
  /** How often a step has this layer, and how often it computes each of its products. */
  readonly layers: number;
  readonly count: number;
}

/** result = op(a) · op(b) */
export interface LinearProduct {
  readonly name: string;
  readonly a: MatrixName;
  readonly b: MatrixName;
  readonly result: MatrixName;
  readonly trans_a: boolean;
  readonly trans_b: boolean;
}

/** Most bytes of logits in a chunk of the loss head, as in core/model/loss_head.ts where the vocabulary is large. */
const HEAD_CHUNK_BYTES = 256 << 20;

/** The linear layers of a size. */
export function linearLayers(size: Size): Linear[] {
  const transposed = new Map(
    parameterSpecs(size.config).filter(({ shape }) => shape.length === 2)
      .map(({ name, transposed }) => [name.split(".").at(-2)!, transposed]),
  );
  return linearProducts(size.config, size, "forward").map(({ name, m, k, n, count }) => {
    const chunks = name === "embed_out" ? Math.ceil(m * n * 4 / HEAD_CHUNK_BYTES) : 1;
    const stored = transposed.get(name)!;
    return {
      name,
      shapes: shapesOf(m / chunks, k, n, stored),
      products: productsOf(stored),
      layers: count,
      count: count * chunks,
    };
  });
}

function shapesOf(positions: number, into: number, out: number, transposed: boolean) {
  const x = [positions, into] as const, y = [positions, out] as const;
  const w = transposed ? [into, out] as const : [out, into] as const;
  return { x, w, y, d_x: x, d_w: w, d_y: y };
}

/**
 *     y   = x Wᵀ
 *     d_x = d_y W
 *     d_W = d_yᵀ x
 *
 * with W [out, in]. Where memory holds W transposed, w is Wᵀ and d_w = xᵀ d_y.
 */
function productsOf(transposed: boolean): LinearProduct[] {
  const [a, b] = transposed ? ["x", "d_y"] as const : ["d_y", "x"] as const;
  return [
    { name: "forward", a: "x", b: "w", result: "y", trans_a: false, trans_b: !transposed },
    { name: "d input", a: "d_y", b: "w", result: "d_x", trans_a: false, trans_b: transposed },
    { name: "d weight", a, b, result: "d_w", trans_a: true, trans_b: false },
  ];
}
