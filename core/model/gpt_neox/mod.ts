/**
 * GPT-NeoX, exactly as Hugging Face's GPTNeoXForCausalLM computes it: the family of Pythia.
 *
 * Shapes in comments: N tokens, H heads, E dims per head, D = H·E.
 *
 * @module
 */
import { add, gelu, layerNorm, reshape, split, type Value } from "../../graph/mod.ts";
import type { Family, LayerContext } from "../family.ts";
import { attentionShape, type GptNeoXConfig, parse, sizes, toHuggingFace } from "./config.ts";
import { EMBED_IN, EMBED_OUT, parameterSpecs } from "./parameters.ts";

type Context = LayerContext<GptNeoXConfig>;

/**
 * Parallel residual: y = x + attention(norm₁(x)) + mlp(norm₂(x)).
 * Sequential: h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)).
 */
function layer(context: Context, index: number, x: Value): Value {
  const prefix = `gpt_neox.layers.${index}`;
  const middle = add(x, attention(context, index, norm(context, `${prefix}.input_layernorm`, x)));
  const mlp_input = context.config.use_parallel_residual ? x : middle;
  const normed = norm(context, `${prefix}.post_attention_layernorm`, mlp_input);
  const inner = gelu(dense(context, `${prefix}.mlp.dense_h_to_4h`, normed));
  return add(middle, dense(context, `${prefix}.mlp.dense_4h_to_h`, inner));
}

/** Queries, keys and values lie side by side for each head. */
function attention(context: Context, index: number, x: Value): Value {
  const { config, attention: { axes, rotate, attend } } = context;
  const { num_attention_heads: H, head_dim: E } = attentionShape(config);
  const name = `gpt_neox.layers.${index}.attention`;
  const qkv = reshape(dense(context, `${name}.query_key_value`, x), [...axes, H, 3, E]);
  const [q, k, v] = split(qkv, 3, 3).map((part) => reshape(part, [...axes, H, E]));
  return dense(context, `${name}.dense`, attend(index, rotate(q), rotate(k), v));
}

function dense({ parameters }: Context, name: string, x: Value): Value {
  return parameters.linear(x, `${name}.weight`, `${name}.bias`);
}

function norm({ parameters, config }: Context, name: string, x: Value): Value {
  const [weight, bias] = ["weight", "bias"].map((part) => parameters.get(`${name}.${part}`));
  return layerNorm(x, weight, bias, config.layer_norm_eps);
}

export const gpt_neox: Family<GptNeoXConfig> = {
  title: "GPT-NeoX",
  complete: (given, vocab_size) => ({ ...sizes.parse(given), vocab_size }),
  parse,
  toHuggingFace,
  parameterSpecs,
  embeddings: () => ({ input: EMBED_IN, output: EMBED_OUT }),
  aliases: () => ({ "lm_head.weight": EMBED_OUT }),
  ignored: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  attentionShape,
  layer,
  finalNorm: (context, x) => norm(context, "gpt_neox.final_layer_norm", x),
  // Residual stream, norms, queries, keys and values as they were and turned, context; the MLP's inner two.
  keptValues: ({ hidden_size: D, intermediate_size: F }) => 10 * D + 2 * F,
};
