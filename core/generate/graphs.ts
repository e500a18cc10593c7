/**
 * The graphs of decoding: a forward pass over new tokens with a key/value cache, and the heads on its last states.
 *
 * Shapes in comments: B rows, T new tokens of each row, N = B·T, C slots of the cache, H heads, K of keys and values,
 * E dims per head, D = `hidden_size`, V vocabulary. The layers are those of core/model; only attention is defined here.
 *
 * @module
 */
import {
  add,
  causalMask,
  div,
  exp,
  gather,
  Graph,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  rotary,
  softmaxCrossEntropy,
  sub,
  sum,
  transpose,
  type Value,
} from "../graph/mod.ts";
import {
  type Attention,
  type AttentionShape,
  DeclaredParameters,
  decoder,
  embeddings,
  familyOf,
  type ModelConfig,
  parameterSpecs,
  rotaryTables,
} from "../model/mod.ts";

/** Shape of one pass: `rows` texts, `length` new tokens of each, after at most `capacity` earlier ones. */
export interface StepShape {
  rows: number;
  length: number;
  capacity: number;
}

/**
 * The forward pass over new tokens.
 *
 * Inputs: every parameter except an untied output projection; `input_ids` and `positions`, int32 [N]; `past_mask`
 * float32 [B, 1, 1, C]; for every layer `past_key.I` and `past_value.I`, float32 [B, K, C, E].
 * Outputs: `final` float32 [N, D], after the final norm; for every layer `key.I` and `value.I`, float32 [B, K, T, E],
 * which the caller puts into the slots.
 *
 * A token sees the slots that the mask allows, and the new tokens of its row up to itself. Tokens after a row's last one
 * may be anything: no earlier token sees them.
 */
export function stepGraph(config: ModelConfig, shape: StepShape): Graph {
  const graph = new Graph();
  const { rows: B, length: T, capacity: C } = shape;
  const { output, tied } = embeddings(config);
  const specs = parameterSpecs(config).filter(({ name }) => tied || name !== output.name);
  const parameters = new DeclaredParameters(graph, specs);
  const input_ids = graph.input("input_ids", "int32", [B * T]);
  const attention_shape = familyOf(config).attentionShape(config);
  const positions = graph.input("positions", "int32", [B * T]);
  const rotate = rotation(positions, attention_shape, config.max_position_embeddings);
  const past_mask = graph.input("past_mask", "float32", [B, 1, 1, C]);
  const attention = cachedAttention(attention_shape, shape, { past_mask, rotate });
  graph.output("final", decoder(config, parameters, input_ids, attention).final);
  return graph;
}

/** Input `states` float32 [rows, D]; output `logits` float32 [rows, V]. */
export function logitsHeadGraph(config: ModelConfig, rows: number): Graph {
  const { graph, logits } = declareHead(config, rows);
  graph.output("logits", logits);
  return graph;
}

/** Inputs `states` float32 [rows, D], `labels` int32 [rows]; output `nll` float32 [rows], in nats. */
export function likelihoodHeadGraph(config: ModelConfig, rows: number): Graph {
  const { graph, logits } = declareHead(config, rows);
  graph.output("nll", softmaxCrossEntropy(logits, graph.input("labels", "int32", [rows])).nll);
  return graph;
}

function declareHead(config: ModelConfig, rows: number): { graph: Graph; logits: Value } {
  const graph = new Graph();
  const { output } = embeddings(config);
  const parameters = new DeclaredParameters(graph, [output]);
  const states = graph.input("states", "float32", [rows, config.hidden_size]);
  return { graph, logits: parameters.linear(states, output.name) };
}

/** Rotary embedding by the position of each token: heads are [1, N, H, E]. */
function rotation(positions: Value, shape: AttentionShape, length: number): Attention["rotate"] {
  if (shape.rotary_dim === 0) return (x) => x;
  const tables = rotaryTables(positions.graph, shape, length);
  const cos = gather(tables.cos, positions), sin = gather(tables.sin, positions);
  return (x) => rotary(x, cos, sin);
}

/**
 * Attention over the slots and the new tokens without concatenating them, which would copy the cache: with s and t
 * the scores of slots and new tokens and m the larger of their maxima,
 *
 *     softmax([s, t]) [v_past; v] = (exp(s - m) v_past + exp(t - m) v) / (Σ exp(s - m) + Σ exp(t - m)).
 *
 * The G = H / K heads of a group are rows of one product, [B, K, G·T, E].
 */
function cachedAttention(
  { num_attention_heads: H, num_key_value_heads: K, head_dim: E }: AttentionShape,
  { rows: B, length: T, capacity: C }: StepShape,
  { past_mask, rotate }: { past_mask: Value; rotate: Attention["rotate"] },
): Attention {
  const G = H / K, { graph } = past_mask;
  const byHead = (x: Value, heads: number) => transpose(reshape(x, [B, T, heads, E]), [0, 2, 1, 3]);
  const mask = causalMask(T, 0), repeated = new Float32Array(G * T * T);
  for (let group = 0; group < G; group++) repeated.set(mask, group * T * T);
  const attend: Attention["attend"] = (layer, queries, new_keys, new_values) => {
    const q = reshape(byHead(queries, H), [B, K, G * T, E]);
    const [k, v] = [byHead(new_keys, K), byHead(new_values, K)];
    graph.output(`key.${layer}`, k);
    graph.output(`value.${layer}`, v);
    const past = (what: string) => graph.input(`past_${what}.${layer}`, "float32", [B, K, C, E]);
    // Scaled separately: kernels for one row of queries support products without a factor only.
    const scaled = mul(q, 1 / Math.sqrt(E));
    const score = (keys: Value, mask: Value) => add(matmul(scaled, keys, { trans_b: true }), mask);
    const s = score(past("key"), past_mask);
    const t = score(k, graph.constant(repeated, [G * T, T]));
    const largest = (scores: Value) => max(scores, { axes: [3], keep_dims: true });
    const m = maximum(largest(s), largest(t));
    const p_past = exp(sub(s, m)), p = exp(sub(t, m));
    const total = (weights: Value) => sum(weights, { axes: [3], keep_dims: true });
    const context = div(
      add(matmul(p_past, past("value")), matmul(p, v)),
      add(total(p_past), total(p)),
    );
    const by_token = transpose(reshape(context, [B, H, T, E]), [0, 2, 1, 3]);
    return reshape(by_token, [B * T, H * E]);
  };
  return { axes: [1, B * T], rotate, attend };
}
