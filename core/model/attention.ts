/**
 * How tokens attend, apart from the layers that do: over whole rows here, over a key/value cache in core/generate.
 *
 * @module
 */
import { causalAttention, type Graph, reshape, rotary, type Value } from "../graph/mod.ts";

/** Heads and rotary embedding of a model's attention. */
export interface AttentionShape {
  readonly num_attention_heads: number;
  /** Divides the others; fewer where groups of heads share keys and values (Ainslie et al., 2023). */
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  /** Dimensions of a head that are rotated, an even number. */
  readonly rotary_dim: number;
  readonly rotary_base: number;
}

/** What layers attend by. H heads, K of keys and values, E dims per head, N tokens. */
export interface Attention {
  /** Rows and positions of the tokens, in which queries, keys and values are given; their product is N. */
  readonly axes: readonly [rows: number, positions: number];
  /** Turns queries [...axes, H, E] or keys [...axes, K, E] by the positions of their tokens. */
  rotate(x: Value): Value;
  /** softmax(q kᵀ / √E + mask) v of layer number `layer`: [N, H·E]. */
  attend(layer: number, q: Value, k: Value, v: Value): Value;
}

/** Shape of one batch: `rows` sequences of `length` positions. */
export interface BatchShape {
  rows: number;
  length: number;
  /** Whether rows hold documents that do not see each other: graphs then have the input `document_start`. */
  document_mask?: boolean;
}

/**
 * Attention over whole rows: position t of a row sees positions from 0, or from document_start[t], to t.
 *
 * @param document_start int32 [B, T]. Positions go on counting over the whole row, since rotations by t and k leave only
 * t - k in a score.
 */
export function wholeRows(
  graph: Graph,
  shape: AttentionShape,
  { rows, length }: BatchShape,
  document_start?: Value,
): Attention {
  const { num_attention_heads, head_dim } = shape;
  const { cos, sin } = rotaryTables(graph, shape, length);
  return {
    axes: [rows, length],
    rotate: (x) => shape.rotary_dim === 0 ? x : rotary(x, cos, sin),
    attend(_, q, k, v) {
      const context = causalAttention(q, k, v, document_start);
      return reshape(context, [rows * length, num_attention_heads * head_dim]);
    },
  };
}

/** cos and sin of t / base^(2j/R) for position t and pair j: [length, R/2] each. */
export function rotaryTables(
  graph: Graph,
  { rotary_dim, rotary_base }: AttentionShape,
  length: number,
): { cos: Value; sin: Value } {
  const pairs = rotary_dim / 2;
  const table = (f: (angle: number) => number) => {
    const data = new Float32Array(length * pairs);
    for (let t = 0; t < length; t++) {
      for (let j = 0; j < pairs; j++) {
        data[t * pairs + j] = f(t / rotary_base ** (2 * j / rotary_dim));
      }
    }
    return graph.constant(data, [length, pairs]);
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}
