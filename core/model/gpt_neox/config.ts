/**
 * The GPT-NeoX configuration, under the keys of Hugging Face's `config.json`, and sizes of known models.
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
  intermediate_size: positive_int,
  max_position_embeddings: positive_int.default(2048),
  /** Share of each head's dimensions that is rotated. */
  rotary_pct: z.number().min(0).max(1).default(0.25),
  /** Base of the rotary frequencies. */
  rotary_emb_base: z.number().positive().default(10000),
  /** Added to the variance in layer norms. */
  layer_norm_eps: z.number().positive().default(1e-5),
  /** Attention and MLP read the same input, as in Pythia; false: one after the other. */
  use_parallel_residual: z.boolean().default(true),
  /** Activation function of the MLP; `gelu` by default. */
  hidden_act: activation_schema.optional(),
  /** Whether the linear layers of attention have biases; by default they do. */
  attention_bias: z.boolean().optional(),
  /** Whether the output projection is the input embedding; by default it is not. */
  tie_word_embeddings: z.boolean().optional(),
  /** Scaling of rotary frequencies for long texts, with the fields of Hugging Face; none by default. */
  rope_scaling: rope_scaling_schema.optional(),
};

const config_schema = z.object({ vocab_size: positive_int, ...size_fields }).superRefine(
  refineBy(headProblem),
);

/** Keys are those of published Pythia checkpoints. A configuration without `model_type` is of this family. */
export type GptNeoXConfig = z.output<typeof config_schema> & { model_type?: "gpt_neox" };

type Sizes = Omit<GptNeoXConfig, "vocab_size" | "model_type">;

/** `model_type` is dropped: recipes with and without it mean the same, and have the same keys. */
export const sizes_schema = z.strictObject({
  model_type: z.literal("gpt_neox").optional(),
  ...size_fields,
})
  .superRefine(refineBy(headProblem))
  .transform(({ model_type: _, ...config }): Sizes => config);

/** The only supported value. */
const FIXED: FixedFields = { model_type: "gpt_neox" };

/** Values of the optional fields. */
const DEFAULTS = { hidden_act: "gelu", attention_bias: true, tie_word_embeddings: false } as const;

/** Names of its rotary settings at the top level. */
const ROPE_NAMES = {
  base: "rotary_emb_base",
  share: { name: "rotary_pct", default: 0.25 },
};

/** Reads the keys of published checkpoints (`rotary_pct`) or of transformers 5 (`rope_parameters`). */
export function parse(given: Readonly<Record<string, unknown>>, origin: string): GptNeoXConfig {
  checkFixed(given, FIXED, origin);
  const { base, share, rope_scaling } = readRope(given, ROPE_NAMES, origin);
  const config = parseFields(config_schema, {
    ...given,
    rotary_pct: share,
    rotary_emb_base: base,
    rope_scaling,
  }, origin);
  return withoutDefaults(config, DEFAULTS);
}

/** Says why the heads are not valid. */
function headProblem(config: Sizes): string | undefined {
  const { hidden_size, num_attention_heads, rotary_pct } = config;
  const { head_dim, rotary_dim } = attentionShape(config);
  if (!Number.isInteger(head_dim)) {
    return `hidden_size ${hidden_size} is not divisible by ${num_attention_heads} heads`;
  }
  if (rotary_dim % 2 === 0) return undefined;
  return `rotary_pct ${rotary_pct} of a head of ${head_dim} dims gives ${rotary_dim} rotary dims, which must be even`;
}

/** As in Hugging Face, ⌊head_dim · rotary_pct⌋ dims are rotated. */
export function attentionShape(config: Sizes): AttentionShape {
  const { hidden_size, num_attention_heads, rotary_pct, rotary_emb_base, rope_scaling } = config;
  const head_dim = hidden_size / num_attention_heads;
  return {
    num_attention_heads,
    num_key_value_heads: num_attention_heads,
    head_dim,
    rotary_dim: Math.floor(head_dim * rotary_pct),
    rotary_base: rotary_emb_base,
    rope_scaling,
  };
}

export function toHuggingFace(config: GptNeoXConfig): Record<string, unknown> {
  // The schema puts the keys in one order, wherever the configuration came from.
  const { hidden_act, attention_bias, tie_word_embeddings, ...fields } = {
    ...DEFAULTS,
    ...config_schema.parse(config),
  };
  const fixed = { ...FIXED, hidden_act, attention_bias, tie_word_embeddings };
  return configJson("GPTNeoXForCausalLM", fixed, fields);
}

/** Everything else is at its default. */
function pythia(
  hidden_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
): Sizes {
  const sizes = { hidden_size, num_hidden_layers, num_attention_heads };
  return sizes_schema.parse({ ...sizes, intermediate_size: 4 * hidden_size });
}

/** Pythia (Biderman et al., 2023, table 1; its vocabulary is padded to 50,304), and small models of its shape. */
export const presets = {
  /** 0.8M parameters without the embeddings. */
  "mini": pythia(128, 4, 4),
  /** 4.7M parameters without the embeddings. */
  "small": pythia(256, 6, 8),
  "pythia-14m": pythia(128, 6, 4),
  "pythia-31m": pythia(256, 6, 8),
  "pythia-70m": pythia(512, 6, 8),
  "pythia-160m": pythia(768, 12, 12),
  "pythia-410m": pythia(1024, 24, 16),
  "pythia-1b": pythia(2048, 16, 8),
};
