/**
 * Llama as an ONNX model with a key/value cache.
 *
 * @module
 */
import { embeddings, familyOf, type LlamaConfig } from "../model/mod.ts";
import {
  attention,
  declareInputs,
  type DecoderInputs,
  rotate,
  splitHeads,
} from "./onnx_decoder.ts";
import type { OnnxGraph } from "./onnx_graph.ts";

/** Builds the whole model; `logits` are float32 [B, T, V]. */
export function llamaDecoder(graph: OnnxGraph, config: LlamaConfig): void {
  const inputs = declareInputs(graph, {
    ...familyOf(config).attentionShape(config),
    max_positions: config.max_position_embeddings,
  });
  const { input, output } = embeddings(config);
  let hidden = graph.embed(input.name, inputs.input_ids);
  for (let i = 0; i < config.num_hidden_layers; i++) hidden = layer(inputs, config, i, hidden);
  const final = norm(graph, config, "model.norm", hidden);
  const dims = ["batch_size", "sequence_length", config.vocab_size];
  graph.output("logits", graph.linear(final, output.name), "float32", dims);
}

/** h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)). */
function layer(inputs: DecoderInputs, config: LlamaConfig, index: number, x: string): string {
  const { graph } = inputs;
  const prefix = `model.layers.${index}`;
  const normed = norm(graph, config, `${prefix}.input_layernorm`, x);
  const middle = graph.add(x, attend(inputs, `${prefix}.self_attn`, index, normed));
  const mlp_input = norm(graph, config, `${prefix}.post_attention_layernorm`, middle);
  return graph.add(middle, mlp(graph, `${prefix}.mlp`, mlp_input));
}

function attend(inputs: DecoderInputs, name: string, index: number, x: string): string {
  const { graph, shape } = inputs;
  const { num_attention_heads: H, num_key_value_heads: K, head_dim: E } = shape;
  const project = (part: string, heads: number) =>
    splitHeads(graph, graph.linear(x, `${name}.${part}.weight`), heads, E);
  const [q, k] = [project("q_proj", H), project("k_proj", K)].map((part) => rotate(inputs, part));
  const context = attention(inputs, index, { q, k, v: project("v_proj", K) });
  return graph.linear(context, `${name}.o_proj.weight`);
}

/** SwiGLU: (silu(x W_gate) ∘ x W_up) W_down. */
function mlp(graph: OnnxGraph, name: string, x: string): string {
  const gate = graph.linear(x, `${name}.gate_proj.weight`);
  const up = graph.linear(x, `${name}.up_proj.weight`);
  const inner = graph.mul(graph.mul(gate, graph.op("Sigmoid", [gate])), up);
  return graph.linear(inner, `${name}.down_proj.weight`);
}

/** x / √(mean x² + ε) · γ, in operators that every runtime has. */
function norm(
  graph: OnnxGraph,
  { rms_norm_eps }: LlamaConfig,
  name: string,
  x: string,
): string {
  const attributes = { axes: [-1], keepdims: { int: 1 } };
  const mean = graph.op("ReduceMean", [graph.mul(x, x)], attributes);
  const rms = graph.op("Sqrt", [graph.add(mean, graph.float(rms_norm_eps))]);
  return graph.mul(graph.op("Div", [x, rms]), graph.parameter(`${name}.weight`));
}
