/**
 * GPT-NeoX, exactly as Hugging Face's GPTNeoXForCausalLM computes it: the family of Pythia.
 *
 * Shapes in comments: H heads, E dims per head, D = H·E.
 *
 * @module
 */
import { add, layerNorm, reshape, split, type Value } from "../../graph/mod.ts";
import { activate } from "../activations.ts";
import { type Family, type LayerContext, matrix, type ParameterSpec, vector } from "../family.ts";
import {
  attentionShape,
  type GptNeoXConfig,
  parse,
  presets,
  sizes_schema,
  toHuggingFace,
} from "./config.ts";

/** The input embedding, [V, D]. */
const EMBED_IN = "gpt_neox.embed_in.weight";
/** The output projection, [V, D] in files, [D, V] in memory; it has no bias. */
const EMBED_OUT = "embed_out.weight";

const DEVIATION = 0.02;

/**
 * Initially layer norms are 1 and 0, biases 0, matrices normal with standard deviation 0.02, those that write to the
 * residual stream (attention.dense, mlp.dense_4h_to_h) with 0.02 / √(2 L), so that the stream's variance does not grow
 * with the depth L (Radford et al., 2019).
 */
function parameterSpecs(config: GptNeoXConfig): ParameterSpec[] {
  const { vocab_size: V, hidden_size: D, intermediate_size: F, num_hidden_layers: L } = config;
  const { attention_bias = true, tie_word_embeddings = false } = config;
  const residual = DEVIATION / Math.sqrt(2 * L);
  const linear = (name: string, out: number, into: number, is_residual = false) => [
    matrix(`${name}.weight`, [out, into], is_residual ? residual : DEVIATION, is_residual),
    ...(attention_bias || !name.includes(".attention.") ? [vector(`${name}.bias`, out, 0)] : []),
  ];
  const norm = (name: string) => [vector(`${name}.weight`, D, 1), vector(`${name}.bias`, D, 0)];
  const layers = Array.from({ length: L }, (_, i) => {
    const prefix = `gpt_neox.layers.${i}`;
    return [
      ...norm(`${prefix}.input_layernorm`),
      ...norm(`${prefix}.post_attention_layernorm`),
      ...linear(`${prefix}.attention.query_key_value`, 3 * D, D),
      ...linear(`${prefix}.attention.dense`, D, D, true),
      ...linear(`${prefix}.mlp.dense_h_to_4h`, F, D),
      ...linear(`${prefix}.mlp.dense_4h_to_h`, D, F, true),
    ];
  });
  const embedding = { shape: [V, D], initial: { deviation: DEVIATION } };
  return [
    { ...embedding, name: EMBED_IN, transposed: false },
    ...layers.flat(),
    ...norm("gpt_neox.final_layer_norm"),
    ...(tie_word_embeddings ? [] : [{ ...embedding, name: EMBED_OUT, transposed: true }]),
  ];
}

type Context = LayerContext<GptNeoXConfig>;

/**
 * Parallel residual: y = x + attention(norm₁(x)) + mlp(norm₂(x)).
 * Sequential: h = x + attention(norm₁(x)), y = h + mlp(norm₂(h)).
 */
function layer(context: Context, index: number, x: Value): Value {
  const prefix = `gpt_neox.layers.${index}`;
  const middle = add(x, attention(context, index, norm(context, `${prefix}.input_layernorm`, x)));
  const { use_parallel_residual, hidden_act = "gelu" } = context.config;
  const mlp_input = use_parallel_residual ? x : middle;
  const normed = norm(context, `${prefix}.post_attention_layernorm`, mlp_input);
  const inner = activate(hidden_act, dense(context, `${prefix}.mlp.dense_h_to_4h`, normed));
  return add(middle, dense(context, `${prefix}.mlp.dense_4h_to_h`, inner));
}

/** The projection gives q, k and v of the first head, then those of the second, and so on. */
function attention(context: Context, index: number, x: Value): Value {
  const { config, attention: { axes, rotate, attend } } = context;
  const { num_attention_heads: H, head_dim: E } = attentionShape(config);
  const name = `gpt_neox.layers.${index}.attention`;
  const project = (part: string, value: Value) =>
    dense(context, `${name}.${part}`, value, config.attention_bias);
  const qkv = reshape(project("query_key_value", x), [...axes, H, 3, E]);
  const [q, k, v] = split(qkv, 3, 3).map((part) => reshape(part, [...axes, H, E]));
  return project("dense", attend(index, rotate(q), rotate(k), v));
}

function dense({ parameters }: Context, name: string, x: Value, with_bias = true): Value {
  return parameters.linear(x, `${name}.weight`, with_bias ? `${name}.bias` : undefined);
}

function norm({ parameters, config }: Context, name: string, x: Value): Value {
  const [weight, bias] = ["weight", "bias"].map((part) => parameters.get(`${name}.${part}`));
  return layerNorm(x, weight, bias, config.layer_norm_eps);
}

export const gpt_neox = {
  title: "GPT-NeoX",
  sizes_schema,
  presets,
  complete: (given, vocab_size) => ({ ...sizes_schema.parse(given), vocab_size }),
  parse,
  toHuggingFace,
  parameterSpecs,
  embeddings: ({ tie_word_embeddings }) => ({
    input: EMBED_IN,
    output: tie_word_embeddings ? EMBED_IN : EMBED_OUT,
  }),
  aliases: ({ tie_word_embeddings }) =>
    tie_word_embeddings
      ? { [EMBED_OUT]: EMBED_IN, "lm_head.weight": EMBED_IN }
      : { "lm_head.weight": EMBED_OUT },
  ignored: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  attentionShape,
  layer,
  finalNorm: (context, x) => norm(context, "gpt_neox.final_layer_norm", x),
  // Residual stream, norms, q, k and v before and after rotation, context; the MLP's inner two.
  keptValues: ({ hidden_size: D, intermediate_size: F }) => 10 * D + 2 * F,
} satisfies Family<GptNeoXConfig>;
