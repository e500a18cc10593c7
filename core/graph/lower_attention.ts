/**
 * Causal attention as ONNX nodes, in blocks of queries.
 *
 * A block of queries sees only the keys up to its own end, so the products, the softmax and their gradients skip
 * most of the half that the mask would hide: (n + 1) / 2n of the work is left with n blocks.
 *
 * Keys and values are [B, H, E, T], so that the products of their gradients transpose the narrow factor.
 *
 * With fewer heads of keys and values than of queries, K < H, the G = H / K heads of a group are rows of one product:
 * queries are [B, K, G T/n, E] in products and [B, H, T/n, E] where the mask is added, which is the same memory. So
 * nothing is repeated, and gradients of keys and values sum over their group within the product.
 *
 * @module
 */
import { batchedProduct, type Emitter, type Lowering } from "./emitter.ts";
import type { Value } from "./graph.ts";
import { DATA_TYPE } from "./onnx_schema.ts";

/** Smallest block of queries; smaller ones cost more in copies of keys and values than they save. */
const MIN_BLOCK = 64;
const MAX_BLOCKS = 4;

/** Number of equal blocks that `length` positions are cut into. */
export function blockCount(length: number): number {
  let blocks = Math.min(MAX_BLOCKS, Math.max(1, Math.floor(length / MIN_BLOCK)));
  while (length % blocks !== 0) blocks--;
  return blocks;
}

/**
 * Lowest finite float32: what Hugging Face's eager attention adds to the scores of hidden keys. The sum is finite, since
 * a score is lost in its rounding, and its softmax is 0 if any key is seen.
 */
export const LOWEST = -3.4028234663852886e38;

/** [size, before + size]: 0 where query `before + i` sees a key, the lowest float32 elsewhere. */
export function causalMask(size: number, before: number): Float32Array<ArrayBuffer> {
  const width = before + size;
  const mask = new Float32Array(size * width);
  for (let i = 0; i < size; i++) mask.fill(LOWEST, i * width + before + i + 1, (i + 1) * width);
  return mask;
}

/**
 * The mask to add to the scores of a block of `size` queries after `before` others: [size, before + size], or
 * [B, 1, size, before + size] where `document_start` [B, 1, size, 1] is given. All layers share it.
 */
function emitMask(
  emit: Emitter,
  { size, before, like }: { size: number; before: number; like: Value },
  document_start: string | undefined,
): string {
  const width = before + size;
  const name = `causal_${size}_${before / size}`;
  const causal = emit.constant(name, causalMask(size, before), [size, width], like);
  if (document_start === undefined) return causal;
  const positions = Int32Array.from({ length: width }, (_, k) => k);
  const keys = emit.tensor(`positions_${width}`, positions, [width]);
  const hidden = emit.shared("Less", [keys, document_start], {});
  return emit.shared("Where", [hidden, emit.float(LOWEST, like), causal], {});
}

const BY_HEAD = [0, 2, 1, 3], BY_HEAD_COLUMNS = [0, 2, 3, 1];

/** Names of the blocks of q, k and v, by the names of q, k and v. The backward pass uses them again. */
interface Blocks {
  /** [B, H, T/n, E] each. */
  queries: string[];
  /** [B, H, E, (i + 1) T/n] each. */
  keys: string[];
  values: string[];
}

function emitBlocks(emit: Emitter, [q, k, v]: string[], blocks: number): Blocks {
  const seen = (x: string) => {
    const parts = split(emit, emit.shared("Transpose", [x], { perm: BY_HEAD_COLUMNS }), 3, blocks);
    return parts.map((part, i) =>
      i === 0 ? part : emit.shared("Concat", parts.slice(0, i + 1), { axis: { int: 3 } })
    );
  };
  const queries = split(emit, emit.shared("Transpose", [q], { perm: BY_HEAD }), 2, blocks);
  return { queries, keys: seen(k), values: seen(v) };
}

/** [B, 1, T/n, 1] of each block. */
function emitDocumentStarts(emit: Emitter, x: string, [B, T]: number[], blocks: number): string[] {
  const by_query = emit.shared("Reshape", [x, emit.ints([B, 1, T, 1])], {});
  return split(emit, by_query, 2, blocks);
}

function split(emit: Emitter, x: string, axis: number, parts: number): string[] {
  if (parts === 1) return [x];
  const outputs = Array.from({ length: parts }, (_, i) => `${x}.${axis}.${i}`);
  const attributes = { axis: { int: axis }, num_outputs: { int: parts } };
  emit.shared("Split", [x], attributes, outputs);
  return outputs;
}

function join(emit: Emitter, parts: string[], axis: number, output?: string): string {
  if (parts.length === 1) return parts[0];
  return emit.op("Concat", parts, { axis: { int: axis } }, output);
}

/** alpha · op(a) · op(b), with the dtype of q. */
function product(
  emit: Emitter,
  { dtype }: Value,
  [a, b]: [string, string],
  { trans_a = false, trans_b = false, alpha = 1 } = {},
): string {
  const output = emit.temporary();
  const type = { dtype, ranks: [4, 4] };
  batchedProduct(emit, type, [a, b], { trans_a, trans_b, alpha }, output);
  return output;
}

/** The name of the probabilities of block i. */
const probabilities = (by_product: string, i: number) => `${by_product}.${i}`;

/** Turns names of [B, H, T/n, W] into [B, K, G T/n, W] and back, W being any width. */
function grouping(emit: Emitter, [q, k]: readonly Value[], size: number) {
  const [B, , H] = q.shape, K = k.shape[2];
  const to = (heads: number, length: number) => (x: string) =>
    K === H ? x : emit.op("Reshape", [x, emit.ints([B, heads, length, -1])]);
  return { group: to(K, H / K * size), ungroup: to(H, size) };
}

export const lowerAttention: Lowering<"causal_attention"> = (node, names, outputs, emit) => {
  const [q] = node.inputs;
  const [B, T, , E] = q.shape;
  const blocks = blockCount(T), size = T / blocks;
  const { group, ungroup } = grouping(emit, node.inputs, size);
  const { queries, keys, values } = emitBlocks(emit, names, blocks);
  const document_starts = names[3] === undefined
    ? []
    : emitDocumentStarts(emit, names[3], [B, T], blocks);
  const parts = queries.map((query, i) => {
    const scores = ungroup(
      product(emit, q, [group(query), keys[i]], { alpha: 1 / Math.sqrt(E) }),
    );
    const mask = emitMask(emit, { size, before: i * size, like: q }, document_starts[i]);
    const p = probabilities(outputs[1], i);
    emit.op("Softmax", [emit.op("Add", [scores, mask])], {}, p);
    return ungroup(product(emit, q, [group(p), values[i]], { trans_b: true }));
  });
  emit.op("Transpose", [join(emit, parts, 2)], { perm: BY_HEAD }, outputs[0]);
};

/**
 * Per block, with P = softmax(s): d_v = gᵀ P, d_P = g v, d_s = P (d_P - Σ_k d_P P), d_q = d_s kᵀ / √E,
 * d_k = qᵀ d_s / √E. That sum needs no pass over the scores: Σ_k (Σ_e g_e v_ek) P_k = Σ_e g_e o_e
 * (Dao et al., 2022, "FlashAttention", appendix B.2).
 */
export const lowerAttentionGrad: Lowering<"causal_attention_grad"> = (
  node,
  [q_name, k_name, v_name, o, by_product, g],
  outputs,
  emit,
) => {
  const [q] = node.inputs;
  const [, T, , E] = q.shape;
  const blocks = blockCount(T), alpha = 1 / Math.sqrt(E);
  const { group, ungroup } = grouping(emit, node.inputs, T / blocks);
  const { queries, keys, values } = emitBlocks(emit, [q_name, k_name, v_name], blocks);
  const byHead = (x: string) =>
    split(emit, emit.op("Transpose", [x], { perm: BY_HEAD }), 2, blocks);
  const row_sums = byHead(
    emit.op("ReduceSum", [emit.op("Mul", [g, o]), emit.ints([3])], { keepdims: { int: 1 } }),
  );
  const parts = byHead(g).map(group).map((g_block, i) => {
    const p = group(probabilities(by_product, i));
    const d_p = product(emit, q, [g_block, values[i]]);
    const d_s = emit.op("Mul", [emit.op("Sub", [d_p, group(row_sums[i])]), p]);
    return {
      q: ungroup(product(emit, q, [d_s, keys[i]], { trans_b: true, alpha })),
      k: product(emit, q, [group(queries[i]), d_s], { trans_a: true, alpha }),
      v: product(emit, q, [g_block, p], { trans_a: true }),
    };
  });
  const d_q = join(emit, parts.map((part) => part.q), 2);
  emit.op("Transpose", [d_q], { perm: BY_HEAD }, outputs[0]);
  for (const [x, output] of [["k", outputs[1]], ["v", outputs[2]]] as const) {
    const sum = addPrefixes(emit, parts.map((part) => part[x]));
    emit.op("Transpose", [sum], { perm: [0, 3, 1, 2] }, output);
  }
};

/** The sum of [B, H, E, (i + 1) T/n] for all i, each padded with zeros to [B, H, E, T]. */
function addPrefixes(emit: Emitter, prefixes: string[]): string {
  const pieces = prefixes.map((prefix, i) => split(emit, prefix, 3, i + 1));
  const sums = pieces.map((_, j) =>
    pieces.slice(j).map((piece) => piece[j]).reduce((a, b) => emit.op("Add", [a, b]))
  );
  return join(emit, sums, 3);
}

/** See cacheMask in functions.ts. */
export const lowerCacheMask: Lowering<"cache_mask"> = (
  _,
  [attention_mask, tokens],
  outputs,
  emit,
) => {
  const length = (x: string) => {
    const size = emit.op("Slice", [emit.op("Shape", [x]), emit.ints([1]), emit.ints([2])]);
    return emit.op("Squeeze", [size]);
  };
  const scalar = (value: number) => emit.op("Squeeze", [emit.ints([value])]);
  const total = length(attention_mask), one = scalar(1);
  const keys = emit.op("Range", [scalar(0), total, one]);
  const queries = emit.op("Range", [emit.op("Sub", [total, length(tokens)]), total, one]);
  const column = emit.op("Unsqueeze", [queries, emit.ints([1])]);
  const causal = emit.op("LessOrEqual", [keys, column]);
  const real = emit.op("Cast", [attention_mask], { to: { int: DATA_TYPE.bool } });
  const allowed = emit.op("And", [emit.op("Unsqueeze", [real, emit.ints([1, 2])]), causal]);
  const [zero, lowest] = [0, LOWEST].map((value) => emit.float(value, { dtype: "float32" }));
  emit.op("Where", [allowed, zero, lowest], {}, outputs);
};
