/**
 * Decoders as ONNX models with a key/value cache, under the names that Hugging Face's exporters give to inputs and
 * outputs, so that transformers.js and its `text-generation` pipeline run them.
 *
 * Shapes in comments: B rows, T new tokens, P cached ones, S = P + T, H heads, E dims per head, D = H·E, V vocabulary.
 *
 * @module
 */
import { DATA_TYPE, LOWEST } from "../graph/mod.ts";
import type { AttentionShape } from "../model/mod.ts";
import type { OnnxGraph } from "./onnx_graph.ts";

/** What attention has to know. */
export interface DecoderShape extends AttentionShape {
  readonly max_positions: number;
}

/** Inputs and tables that all layers share. */
export interface DecoderInputs {
  readonly graph: OnnxGraph;
  /** int64 [B, T]. */
  readonly input_ids: string;
  /** float32 [B, 1, T, S]: 0 where a token sees a position, and very low where not. */
  readonly mask: string;
  /** float32 [B, 1, T, R/2] each; undefined where nothing is rotated. */
  readonly rotation?: { readonly cos: string; readonly sin: string };
  readonly shape: DecoderShape;
}

/**
 * Declares `input_ids`, `attention_mask` (int64 [B, S], 0 at padding) and `position_ids` (int64 [B, T]).
 */
export function declareInputs(graph: OnnxGraph, shape: DecoderShape): DecoderInputs {
  const input_ids = graph.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  const attention_mask = graph.input("attention_mask", "int64", [
    "batch_size",
    "total_sequence_length",
  ]);
  const position_ids = graph.input("position_ids", "int64", ["batch_size", "sequence_length"]);
  const { rotary_dim } = shape;
  return {
    graph,
    shape,
    input_ids,
    mask: causalMask(graph, input_ids, attention_mask),
    ...(rotary_dim > 0 && { rotation: rotationTables(graph, position_ids, shape) }),
  };
}

/** Token t of the new ones stands at P + t: it sees positions up to there that are no padding. */
function causalMask(graph: OnnxGraph, input_ids: string, attention_mask: string): string {
  const size = (x: string, axis: number) =>
    graph.op("Squeeze", [
      graph.op("Slice", [graph.op("Shape", [x]), graph.ints([axis]), graph.ints([axis + 1])]),
    ]);
  const total = size(attention_mask, 1), length = size(input_ids, 1);
  const [zero, one] = [0, 1].map((value) => graph.op("Squeeze", [graph.ints([value])]));
  const keys = graph.op("Range", [zero, total, one]);
  const queries = graph.op("Range", [graph.op("Sub", [total, length]), total, one]);
  const column = graph.op("Unsqueeze", [queries, graph.ints([1])]);
  const causal = graph.op("LessOrEqual", [keys, column]);
  const real = graph.op("Cast", [attention_mask], { to: { int: DATA_TYPE.bool } });
  const allowed = graph.op("And", [graph.op("Unsqueeze", [real, graph.ints([1, 2])]), causal]);
  return graph.op("Where", [allowed, graph.float(0), graph.float(LOWEST)]);
}

/** cos and sin of p / base^(2j/R) for each token's position p and pair j. */
function rotationTables(graph: OnnxGraph, position_ids: string, shape: DecoderShape) {
  const { rotary_dim: R, rotary_base, max_positions: length } = shape;
  const table = (name: string, f: (angle: number) => number) => {
    const data = Float32Array.from({ length: length * R / 2 }, (_, i) => {
      const position = Math.floor(i / (R / 2)), pair = i % (R / 2);
      return f(position / rotary_base ** (2 * pair / R));
    });
    const rows = graph.op("Gather", [
      graph.constant(`rotary.${name}`, data, [length, R / 2]),
      position_ids,
    ]);
    return graph.op("Unsqueeze", [rows, graph.ints([1])]);
  };
  return { cos: table("cos", Math.cos), sin: table("sin", Math.sin) };
}

/** Turns pairs (x_j, x_{j+R/2}) of the first R dims by the position's angles; [B, H, T, E] as it comes. */
export function rotate(inputs: DecoderInputs, x: string): string {
  const { graph, rotation, shape: { rotary_dim: R, head_dim: E } } = inputs;
  if (!rotation) return x;
  const { cos, sin } = rotation;
  const sizes = R === E ? [R / 2, R / 2] : [R / 2, R / 2, E - R];
  const parts = sizes.map((_, i) => `${x}.part_${i}`);
  graph.op("Split", [x, graph.ints(sizes)], { axis: { int: -1 } }, parts);
  const [low, high, ...rest] = parts;
  const turned = [
    graph.op("Sub", [graph.mul(low, cos), graph.mul(high, sin)]),
    graph.add(graph.mul(high, cos), graph.mul(low, sin)),
  ];
  return graph.op("Concat", [...turned, ...rest], { axis: { int: -1 } });
}

/**
 * softmax(q kᵀ / √E + mask) v over the cache and the new tokens.
 *
 * Declares the inputs `past_key_values.N.key` and `.value`, float32 [B, KV, P, E], and the outputs `present.N.key` and
 * `.value`, [B, KV, S, E].
 *
 * @param q [B, H, T, E], rotated.
 * @param k [B, KV, T, E], rotated.
 * @param v [B, KV, T, E].
 * @returns [B, T, H·E].
 */
export function attention(
  { graph, mask, shape }: DecoderInputs,
  layer: number,
  { q, k, v }: { q: string; k: string; v: string },
): string {
  const { num_attention_heads: H, num_key_value_heads: KV, head_dim: E } = shape;
  const [keys, values] = Object.entries({ key: k, value: v }).map(([what, added]) => {
    const dims = (length: string) => ["batch_size", KV, length, E];
    const name = `past_key_values.${layer}.${what}`;
    const past = graph.input(name, "float32", dims("past_sequence_length"));
    const all = graph.op("Concat", [past, added], { axis: { int: 2 } });
    graph.output(`present.${layer}.${what}`, all, "float32", dims("total_sequence_length"));
    return all;
  });
  const scaled = graph.mul(q, graph.float(1 / Math.sqrt(E)));
  // The G = H / KV heads of a group are an axis of their own, over which keys, values and mask broadcast.
  const grouped = KV < H;
  const spread = (x: string) => grouped ? graph.op("Unsqueeze", [x, graph.ints([2])]) : x;
  const queries = grouped ? graph.reshape(scaled, [0, KV, H / KV, -1, E]) : scaled;
  const turned = graph.transpose(spread(keys), grouped ? [0, 1, 2, 4, 3] : [0, 1, 3, 2]);
  const scores = graph.add(
    graph.op("MatMul", [queries, turned]),
    grouped ? graph.op("Unsqueeze", [mask, graph.ints([2])]) : mask,
  );
  const weights = graph.op("Softmax", [scores], { axis: { int: -1 } });
  const context = graph.op("MatMul", [weights, spread(values)]);
  const heads = grouped ? graph.reshape(context, [0, H, -1, E]) : context;
  return graph.reshape(graph.transpose(heads, [0, 2, 1, 3]), [0, 0, H * E]);
}

/** [B, T, heads·E] as [B, heads, T, E]. */
export function splitHeads(graph: OnnxGraph, x: string, heads: number, head_dim: number): string {
  return graph.transpose(graph.reshape(x, [0, 0, heads, head_dim]), [0, 2, 1, 3]);
}
