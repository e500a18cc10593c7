/**
 * The Llama configuration, under the keys of Hugging Face's `config.json`, and sizes of known models.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "../../config/mod.ts";
import {
  checkFixed,
  configJson,
  type FixedFields,
  layers_schema,
  parseFields,
  refineBy,
  withoutDefaults,
} from "../config_json.ts";
import { activation_schema } from "../activations.ts";
import type { AttentionShape } from "../family.ts";
import { readRope, rope_scaling_schema } from "../rope.ts";

const size_fields = {
  hidden_size: positive_int,
  num_hidden_layers: layers_schema,
  num_attention_heads: positive_int,
  /** Heads of keys and values, each shared by a group of attention heads; by default as many as attention heads. */
  num_key_value_heads: positive_int.optional(),
  /** Dimensions of a head; by default `hidden_size` / `num_attention_heads`. */
  head_dim: positive_int.optional(),
  intermediate_size: positive_int,
  max_position_embeddings: positive_int.default(2048),
  /** Base of the rotary frequencies. */
  rope_theta: z.number().positive().default(10000),
  /** Added to the mean square before the root. */
  rms_norm_eps: z.number().positive().default(1e-6),
  /** Whether the output projection is the input embedding. */
  tie_word_embeddings: z.boolean().default(false),
  /** Activation function of the MLP's gate; `silu` by default. */
  hidden_act: activation_schema.optional(),
  /** Scaling of rotary frequencies for long texts, with the fields of Hugging Face; none by default. */
  rope_scaling: rope_scaling_schema.optional(),
};

const config_schema = z.object({ vocab_size: positive_int, ...size_fields }).superRefine(
  refineBy(headProblem),
);

type Parsed = z.output<typeof config_schema>;

export type LlamaConfig =
  & Required<Omit<Parsed, "hidden_act" | "rope_scaling">>
  & Pick<Parsed, "hidden_act" | "rope_scaling">
  & { model_type: "llama" };

export const sizes_schema = z.strictObject({
  /** Family of the model; GPT-NeoX by default. */
  model_type: z.literal("llama"),
  ...size_fields,
}).superRefine(refineBy(headProblem));

/** The only supported values. */
const FIXED: FixedFields = {
  model_type: "llama",
  attention_bias: false,
  mlp_bias: false,
};

/** Values of the optional fields. */
const DEFAULTS = { hidden_act: "silu" } as const;

interface Heads {
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads?: number;
  head_dim?: number;
}

/** Fills in the number of heads of keys and values, and their width. */
function withHeads<C extends Heads>(config: C): C & Required<Heads> {
  const { hidden_size, num_attention_heads: heads } = config;
  const { num_key_value_heads = heads, head_dim = hidden_size / heads } = config;
  return { ...config, num_key_value_heads, head_dim };
}

/** A configuration from the fields of a recipe. */
export function complete(given: unknown, vocab_size: number): LlamaConfig {
  return { ...withHeads(sizes_schema.parse(given)), vocab_size };
}

/** Reads the keys of published checkpoints (`rope_theta`) or of transformers 5 (`rope_parameters`). */
export function parse(given: Readonly<Record<string, unknown>>, origin: string): LlamaConfig {
  checkFixed(given, FIXED, origin);
  const { base, rope_scaling } = readRope(given, { base: "rope_theta" }, origin);
  const config = parseFields(config_schema, {
    ...given,
    num_key_value_heads: given.num_key_value_heads ?? undefined,
    head_dim: given.head_dim ?? undefined,
    rope_theta: base,
    rope_scaling,
  }, origin);
  return withHeads({ model_type: "llama" as const, ...withoutDefaults(config, DEFAULTS) });
}

/** Says why the heads are not valid. */
function headProblem(config: Heads): string | undefined {
  const { hidden_size, num_attention_heads, num_key_value_heads, head_dim } = withHeads(config);
  if (!Number.isInteger(head_dim)) {
    return `hidden_size ${hidden_size} is not divisible by ${num_attention_heads} heads`;
  }
  if (head_dim % 2 !== 0) return `rotary embedding needs an even head_dim, got ${head_dim}`;
  if (num_attention_heads % num_key_value_heads === 0) return undefined;
  return `num_attention_heads ${num_attention_heads} is not a multiple of num_key_value_heads ${num_key_value_heads}`;
}

export function attentionShape(config: LlamaConfig): AttentionShape {
  const { num_attention_heads, num_key_value_heads, head_dim, rope_theta, rope_scaling } = config;
  return {
    num_attention_heads,
    num_key_value_heads,
    head_dim,
    rotary_dim: head_dim,
    rotary_base: rope_theta,
    rope_scaling,
  };
}

export function toHuggingFace(config: LlamaConfig): Record<string, unknown> {
  // The schema puts the keys in one order, wherever the configuration came from.
  const { hidden_act, ...fields } = { ...DEFAULTS, ...config_schema.parse(config) };
  const { model_type, ...fixed } = FIXED;
  return configJson("LlamaForCausalLM", { model_type, hidden_act, ...fixed }, fields);
}

function llama(
  given: Omit<z.input<typeof sizes_schema>, "model_type">,
): Omit<LlamaConfig, "vocab_size"> {
  return withHeads(sizes_schema.parse({ model_type: "llama", rms_norm_eps: 1e-5, ...given }));
}

/** Vocabularies: SmolLM2's is 49,152, TinyLlama's 32,000. */
export const presets = {
  /** As many parameters in a layer's matrices as "mini" has. */
  "llama-mini": llama({
    hidden_size: 128,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 384,
  }),
  "smollm2-135m": llama({
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    max_position_embeddings: 8192,
    rope_theta: 100000,
    tie_word_embeddings: true,
  }),
  "tinyllama-1.1b": llama({
    hidden_size: 2048,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    intermediate_size: 5632,
  }),
};
