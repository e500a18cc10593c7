/**
 * GPT-NeoX as an ONNX model with a key/value cache.
 *
 * @module
 */
import { EMBED_IN, EMBED_OUT, familyOf, type GptNeoXConfig } from "../model/mod.ts";
import { attention, declareInputs, type DecoderInputs, rotate } from "./onnx_decoder.ts";
import type { OnnxGraph } from "./onnx_graph.ts";

/** Builds the whole model; `logits` are float32 [B, T, V]. */
export function gptNeoXDecoder(graph: OnnxGraph, config: GptNeoXConfig): void {
  const { num_hidden_layers, vocab_size } = config;
  const inputs = declareInputs(graph, {
    ...familyOf(config).attentionShape(config),
    max_positions: config.max_position_embeddings,
  });
  let hidden = graph.embed(EMBED_IN, inputs.input_ids);
  for (let i = 0; i < num_hidden_layers; i++) hidden = layer(inputs, config, i, hidden);
  const final = norm(graph, config, "gpt_neox.final_layer_norm", hidden);
  const dims = ["batch_size", "sequence_length", vocab_size];
  graph.output("logits", graph.linear(final, EMBED_OUT), "float32", dims);
}

/**
 * Parallel residual: y = x + attention(norm₁(x)) + mlp(norm₂(x)).
 * Sequential: h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)).
 */
function layer(inputs: DecoderInputs, config: GptNeoXConfig, index: number, x: string): string {
  const { graph } = inputs;
  const prefix = `gpt_neox.layers.${index}`;
  const normed = norm(graph, config, `${prefix}.input_layernorm`, x);
  const middle = graph.add(x, attend(inputs, `${prefix}.attention`, index, normed));
  const mlp_input = config.use_parallel_residual ? x : middle;
  const inner = dense(
    graph,
    `${prefix}.mlp.dense_h_to_4h`,
    norm(graph, config, `${prefix}.post_attention_layernorm`, mlp_input),
  );
  return graph.add(middle, dense(graph, `${prefix}.mlp.dense_4h_to_h`, gelu(graph, inner)));
}

/** q, k and v lie side by side for each head. */
function attend(inputs: DecoderInputs, name: string, index: number, x: string): string {
  const { graph, shape: { num_attention_heads: H, head_dim: E } } = inputs;
  const qkv = graph.reshape(dense(graph, `${name}.query_key_value`, x), [0, 0, H, 3 * E]);
  const heads = graph.transpose(qkv, [0, 2, 1, 3]);
  const parts = ["q", "k", "v"].map((part) => `${name}.${part}`);
  graph.op("Split", [heads, graph.ints([E, E, E])], { axis: { int: -1 } }, parts);
  const [q, k, v] = parts;
  const context = attention(inputs, index, { q: rotate(inputs, q), k: rotate(inputs, k), v });
  return dense(graph, `${name}.dense`, context);
}

function dense(graph: OnnxGraph, name: string, x: string): string {
  return graph.linear(x, `${name}.weight`, `${name}.bias`);
}

function norm(
  graph: OnnxGraph,
  { layer_norm_eps: epsilon }: GptNeoXConfig,
  name: string,
  x: string,
): string {
  const inputs = [x, graph.parameter(`${name}.weight`), graph.parameter(`${name}.bias`)];
  return graph.op("LayerNormalization", inputs, { axis: { int: -1 }, epsilon });
}

/** x / 2 · (1 + erf(x / √2)), in operators that every runtime has; they fuse them. */
function gelu(graph: OnnxGraph, x: string): string {
  const erf = graph.op("Erf", [graph.mul(x, graph.float(Math.SQRT1_2))]);
  return graph.mul(graph.mul(x, graph.float(0.5)), graph.add(erf, graph.float(1)));
}
