/**
 * Llama, exactly as Hugging Face's LlamaForCausalLM computes it (Touvron et al., 2023): RMS norms, rotary embedding of
 * whole heads, heads that share keys and values, SwiGLU (Shazeer, 2020), and no biases.
 *
 * Shapes in comments: H heads, K of keys and values, E dims per head, D = `hidden_size`.
 *
 * @module
 */
import { add, mul, reshape, rmsNorm, type Value } from "../../graph/mod.ts";
import { activate } from "../activations.ts";
import { type Family, type LayerContext, matrix, type ParameterSpec, vector } from "../family.ts";
import {
  attentionShape,
  complete,
  type LlamaConfig,
  parse,
  presets,
  sizes_schema,
  toHuggingFace,
} from "./config.ts";

type Context = LayerContext<LlamaConfig>;

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

/** Hugging Face's `initializer_range`. */
const DEVIATION = 0.02;

/** Initially norms are 1 and matrices normal, as in Hugging Face. The output projection is [D, V] in memory. */
function parameterSpecs(config: LlamaConfig): ParameterSpec[] {
  const { vocab_size: V, hidden_size: D, intermediate_size: F } = config;
  const { num_attention_heads: H, num_key_value_heads: K, head_dim: E } = config;
  const linear = (name: string, out: number, into: number, is_residual = false) =>
    matrix(`${name}.weight`, [out, into], DEVIATION, is_residual);
  const norm = (name: string) => vector(`${name}.weight`, D, 1);
  const embedding = { shape: [V, D], initial: { deviation: DEVIATION } };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
    const prefix = `model.layers.${i}`;
    return [
      norm(`${prefix}.input_layernorm`),
      linear(`${prefix}.self_attn.q_proj`, H * E, D),
      linear(`${prefix}.self_attn.k_proj`, K * E, D),
      linear(`${prefix}.self_attn.v_proj`, K * E, D),
      linear(`${prefix}.self_attn.o_proj`, D, H * E, true),
      norm(`${prefix}.post_attention_layernorm`),
      linear(`${prefix}.mlp.gate_proj`, F, D),
      linear(`${prefix}.mlp.up_proj`, F, D),
      linear(`${prefix}.mlp.down_proj`, D, F, true),
    ];
  });
  return [
    { ...embedding, name: EMBEDDING, transposed: false },
    ...layers.flat(),
    norm("model.norm"),
    ...(config.tie_word_embeddings ? [] : [{ ...embedding, name: HEAD, transposed: true }]),
  ];
}

/** h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)). */
function layer(context: Context, index: number, x: Value): Value {
  const prefix = `model.layers.${index}`;
  const normed = norm(context, `${prefix}.input_layernorm`, x);
  const middle = add(x, attention(context, index, normed));
  const mlp_input = norm(context, `${prefix}.post_attention_layernorm`, middle);
  return add(middle, mlp(context, `${prefix}.mlp`, mlp_input));
}

function attention(context: Context, index: number, x: Value): Value {
  const { config, attention: { axes, rotate, attend } } = context;
  const { num_attention_heads: H, num_key_value_heads: K, head_dim: E } = config;
  const name = `model.layers.${index}.self_attn`;
  const project = (part: string, heads: number) =>
    reshape(dense(context, `${name}.${part}`, x), [...axes, heads, E]);
  const [q, k, v] = [project("q_proj", H), project("k_proj", K), project("v_proj", K)];
  return dense(context, `${name}.o_proj`, attend(index, rotate(q), rotate(k), v));
}

/** SwiGLU: (silu(x W_gate) ∘ x W_up) W_down; or GLU with another activation function. */
function mlp(context: Context, name: string, x: Value): Value {
  const { hidden_act = "silu" } = context.config;
  const gate = activate(hidden_act, dense(context, `${name}.gate_proj`, x));
  return dense(context, `${name}.down_proj`, mul(gate, dense(context, `${name}.up_proj`, x)));
}

function dense({ parameters }: Context, name: string, x: Value): Value {
  return parameters.linear(x, `${name}.weight`);
}

function norm({ parameters, config }: Context, name: string, x: Value): Value {
  return rmsNorm(x, parameters.get(`${name}.weight`), config.rms_norm_eps);
}

export const llama = {
  title: "Llama",
  sizes_schema,
  presets,
  complete,
  parse,
  toHuggingFace,
  parameterSpecs,
  embeddings: ({ tie_word_embeddings }) => ({
    input: EMBEDDING,
    output: tie_word_embeddings ? EMBEDDING : HEAD,
  }),
  aliases: ({ tie_word_embeddings }) => tie_word_embeddings ? { [HEAD]: EMBEDDING } : {},
  ignored: /\.rotary_emb\.inv_freq$/,
  attentionShape,
  layer,
  finalNorm: (context, x) => norm(context, "model.norm", x),
  // Residual stream and norms; queries, context, keys and values before and after rotation; the MLP's inner four.
  keptValues({ hidden_size: D, intermediate_size: F, ...config }) {
    const { num_attention_heads: H, num_key_value_heads: K, head_dim: E } = config;
    return 4 * D + 2 * H * E + 4 * K * E + 4 * F;
  },
} satisfies Family<LlamaConfig>;
