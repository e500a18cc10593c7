/**
 * Causal attention by oneDNN, in blocks of queries that see only the keys up to their own end.
 *
 * Where groups of G = H / K heads share keys and values, products compute one head of every group at a time.
 *
 * @module
 */
import { blockCount, causalMask, type Node, type Value } from "../../graph/mod.ts";
import { documentMask } from "./host.ts";
import type { Lowering } from "./lowering.ts";
import { denseStrides, permute, reshapeView, slice, type View } from "./memory.ts";

/** What the backward pass needs. Heads of all rows are one axis, [B·H, T, E] and [B·K, T, E]. */
interface Kept {
  /** Times 1/√E, so that neither the scores nor the gradient of the keys need be. */
  q: View;
  k: View;
  v: View;
  /** [B·H, T/n, (i + 1) T/n] of block i. */
  probabilities: View[];
}

const BY_HEAD = [0, 2, 1, 3], TRANSPOSED = [0, 2, 1];

/** A copy of [B, T, H, E] as [B·H, T, E], times the number `scale` if there is one. */
function byHead({ program, products }: Lowering, view: View, scale?: View): View {
  const by_head = permute(view, BY_HEAD);
  const copy = program.temporary(by_head.shape, products);
  program.copy(by_head, copy, scale);
  return merged(copy);
}

/** Dense [B, H, T, E] as [B·H, T, E]. */
function merged(view: View): View {
  const [B, H, T, E] = view.shape, shape = [B * H, T, E];
  return { ...view, shape, strides: denseStrides(shape) };
}

/** Head `member` of every group of `size`: [B·H, ...] -> [B·K, ...]. */
function everyGroup(x: View, size: number, member: number): View {
  const [heads, ...shape] = x.shape, [stride, ...strides] = x.strides;
  return {
    ...x,
    offset: x.offset + member * stride,
    shape: [heads / size, ...shape],
    strides: [size * stride, ...strides],
  };
}

/** The queries of block i, and the keys that they see. */
function blockOf(length: number, i: number) {
  const size = length / blockCount(length);
  return {
    size,
    own: (x: View) => slice(x, 1, i * size, size),
    seen: (x: View) => slice(x, 1, 0, (i + 1) * size),
  };
}

/** Adds the mask of block i to its scores [B·H, T/n, (i + 1) T/n]. */
function addMask(
  scores: View,
  i: number,
  document_start: Value | undefined,
  lowering: Lowering,
): void {
  const { program } = lowering;
  const [heads, size, width] = scores.shape;
  if (!document_start) {
    const data = causalMask(size, i * size);
    const mask = lowering.constant(`causal_${size}_${i}`, data, [1, size, width]);
    return program.binary("add", scores, mask, scores);
  }
  const [rows, length] = document_start.shape;
  // All layers add the same mask.
  const mask = lowering.shared(`mask ${document_start.name} ${i}`, () => {
    const keys = lowering.dense(document_start, "int32");
    const view = program.temporary([rows, 1, size, width]);
    const block = { rows, length, size, before: i * size };
    program.host([keys, view], (memory) => documentMask(memory(keys), memory(view), block));
    return view;
  });
  const by_row = reshapeView(scores, [rows, heads / rows, size, width])!;
  program.binary("add", by_row, mask, by_row);
}

export function attention(node: Node<"causal_attention">, lowering: Lowering): void {
  const { program, products } = lowering;
  const { inputs, outputs: [output, by_product] } = node;
  const [B, T, H, E] = inputs[0].shape;
  const group = H / inputs[1].shape[2];
  const scale = lowering.constant(`scale_${E}`, Float32Array.of(1 / Math.sqrt(E)), [1]);
  const [q, k, v] = inputs.slice(0, 3).map((value, i) =>
    byHead(lowering, lowering.view(value), i === 0 ? scale : undefined)
  );
  const result = program.temporary([B, H, T, E], lowering.dtypeOf(output));
  const heads = merged(result);
  const probabilities = Array.from({ length: blockCount(T) }, (_, i) => {
    const { size, own, seen } = blockOf(T, i);
    const shape = [B * H, size, (i + 1) * size];
    const scores = program.temporary(shape);
    for (let g = 0; g < group; g++) {
      const [some, to] = [own(q), scores].map((x) => everyGroup(x, group, g));
      program.matmul(some, permute(seen(k), TRANSPOSED), to);
    }
    addMask(scores, i, inputs[3], lowering);
    const p = products === "float32" ? scores : program.temporary(shape, products);
    program.softmax(scores, p);
    for (let g = 0; g < group; g++) {
      const [some, to] = [p, own(heads)].map((x) => everyGroup(x, group, g));
      program.matmul(some, seen(v), to);
    }
    return p;
  });
  program.copy(permute(result, BY_HEAD), lowering.place(output));
  const kept: Kept = { q, k, v, probabilities };
  lowering.by_products.set(by_product, kept);
}

/** d_v = Pᵀ g, d_s = softmax'(g vᵀ), d_q = d_s k / √E, d_k = d_sᵀ q / √E; keys sum over the blocks that see them. */
export function attentionGrad(node: Node<"causal_attention_grad">, lowering: Lowering): void {
  const { program, products } = lowering;
  const { inputs, outputs } = node;
  const [, T, H, E] = inputs[0].shape;
  const group = H / inputs[1].shape[2];
  const { q, k, v, probabilities } = lowering.by_products.get(inputs[4]) as Kept;
  const g = byHead(lowering, lowering.view(inputs[5]));
  const results = outputs.map(({ shape }) => program.temporary(BY_HEAD.map((axis) => shape[axis])));
  const [d_q, d_k, d_v] = results.map(merged);
  const alpha = 1 / Math.sqrt(E);
  // The last block writes to all keys; the others, and further heads of a group, add to what it wrote.
  for (let i = probabilities.length - 1; i >= 0; i--) {
    const { own, seen } = blockOf(T, i);
    const p = probabilities[i];
    const d_s = program.temporary(p.shape, products);
    const members = Array.from({ length: group }, (_, member) => {
      const [q_block, g_block, d_q_block, weights, d_scores] = [own(q), own(g), own(d_q), p, d_s]
        .map((x) => everyGroup(x, group, member));
      return { q_block, g_block, d_q_block, weights, d_scores };
    });
    for (const { g_block, d_scores } of members) {
      program.matmul(g_block, permute(seen(v), TRANSPOSED), d_scores);
    }
    program.softmaxGrad(p, d_s, d_s);
    members.forEach(({ q_block, g_block, d_q_block, weights, d_scores }, member) => {
      const accumulate = i < probabilities.length - 1 || member > 0;
      program.matmul(d_scores, seen(k), d_q_block, { alpha });
      program.matmul(permute(d_scores, TRANSPOSED), q_block, seen(d_k), { accumulate });
      program.matmul(permute(weights, TRANSPOSED), g_block, seen(d_v), { accumulate });
    });
  }
  outputs.forEach((output, i) => lowering.set(output, permute(results[i], BY_HEAD)));
}
