/**
 * Causal attention in blocks of queries.
 *
 * A block of queries sees only the keys up to its own end, so the products, the softmax and their gradients skip
 * most of the half that the mask would throw away: (n + 1) / 2n of the work is left with n blocks.
 *
 * @module
 */
import { add, concat, type Graph, matmul, softmaxMatmul, split, type Value } from "../graph/mod.ts";

/** Smallest block of queries; smaller ones cost more in copies of keys and values than they save. */
const MIN_BLOCK = 64;
const MAX_BLOCKS = 4;

/** Number of equal blocks that `length` positions are cut into. */
export function blockCount(length: number): number {
  let blocks = Math.min(MAX_BLOCKS, Math.max(1, Math.floor(length / MIN_BLOCK)));
  while (length % blocks !== 0) blocks--;
  return blocks;
}

/** Attention of every layer over sequences of one length: the layers share the masks. */
export class CausalAttention {
  readonly #masks: Value[];

  constructor(graph: Graph, readonly length: number) {
    const blocks = blockCount(length);
    const size = length / blocks;
    this.#masks = Array.from({ length: blocks }, (_, i) => causalMask(graph, size, i * size));
  }

  /**
   * softmax(q kᵀ / √E + mask) v, where position t sees positions up to t.
   *
   * @param q,k,v [B, H, T, E]
   * @returns [B, H, T, E]
   */
  apply(q: Value, k: Value, v: Value): Value {
    const blocks = this.#masks.length;
    const alpha = 1 / Math.sqrt(q.shape[3]);
    const [queries, keys, values] = [q, k, v].map((x) => blocks === 1 ? [x] : split(x, 2, blocks));
    const outputs = this.#masks.map((mask, i) => {
      const seen = (parts: Value[]) => i === 0 ? parts[0] : concat(parts.slice(0, i + 1), 2);
      const scores = matmul(queries[i], seen(keys), { trans_b: true, alpha });
      return softmaxMatmul(add(scores, mask), seen(values));
    });
    return blocks === 1 ? outputs[0] : concat(outputs, 2);
  }
}

/** Lowest finite float32: what Hugging Face's eager attention adds where a key lies in the future. */
const LOWEST = -3.4028234663852886e38;

/** [size, before + size]: 0 where query `before + i` may look at a key, the lowest float32 where not. */
function causalMask(graph: Graph, size: number, before: number): Value {
  const width = before + size;
  const mask = new Float32Array(size * width);
  for (let i = 0; i < size; i++) mask.fill(LOWEST, i * width + before + i + 1, (i + 1) * width);
  return graph.constant(mask, [size, width]);
}
