/**
 * The GPT-NeoX configuration, in the keys of Hugging Face's `config.json`.
 *
 * @module
 */
import { z } from "zod";
import type { AttentionShape } from "../attention.ts";
import {
  checkFixed,
  type FixedFields,
  parseFields,
  positive,
  ropeParameters,
} from "../config_fields.ts";
import type { CommonSizes } from "../family.ts";

/** What decides the shape and arithmetic of a model. Keys are those of published Pythia checkpoints. */
export interface GptNeoXConfig extends CommonSizes {
  /** A configuration without it is of this family. */
  model_type?: "gpt_neox";
  /** Share of each head's dimensions that is rotated. */
  rotary_pct: number;
  rotary_emb_base: number;
  layer_norm_eps: number;
  use_parallel_residual: boolean;
}

type Sizes = Omit<GptNeoXConfig, "vocab_size">;

const fields = {
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  intermediate_size: positive,
  max_position_embeddings: positive.default(2048),
  rotary_pct: z.number().min(0).max(1).default(0.25),
  rotary_emb_base: z.number().positive().default(10000),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
};

const schema = z.object({ vocab_size: positive, ...fields });

/** The family's name is left out again: recipes that give it mean what those without it do. */
export const sizes = z.strictObject({ model_type: z.literal("gpt_neox").optional(), ...fields })
  .superRefine((config, context) => {
    const message = headProblem(config);
    if (message) context.addIssue({ code: "custom", message });
  })
  .transform(({ model_type: _, ...config }): Sizes => config);

const FIXED: FixedFields = {
  model_type: "gpt_neox",
  hidden_act: "gelu",
  attention_bias: true,
  tie_word_embeddings: false,
};

/** Reads the keys of published checkpoints (`rotary_pct`) or of transformers 5 (`rope_parameters`). */
export function parse(given: Readonly<Record<string, unknown>>, origin: string): GptNeoXConfig {
  checkFixed(given, FIXED, origin);
  const rope = ropeParameters(given, origin);
  const config = parseFields(schema, {
    ...given,
    rotary_pct: given.rotary_pct ?? rope.partial_rotary_factor,
    rotary_emb_base: given.rotary_emb_base ?? rope.rope_theta,
  }, origin);
  const problem = headProblem(config);
  if (problem) throw new Error(`${origin}: ${problem}`);
  return config;
}

/** What is wrong with the heads. */
function headProblem(config: Sizes): string | undefined {
  const { hidden_size, num_attention_heads, rotary_pct } = config;
  if (hidden_size % num_attention_heads !== 0) {
    return `hidden_size ${hidden_size} is not divisible by ${num_attention_heads} heads`;
  }
  const rotary_dim = rotaryDim(config);
  if (rotary_dim % 2 === 0) return undefined;
  return `rotary_pct ${rotary_pct} of a head of ${hidden_size / num_attention_heads} dims gives ` +
    `${rotary_dim} rotary dims, which must be even`;
}

/** Number of rotated dimensions per head, as Hugging Face rounds it: ⌊head_dim · rotary_pct⌋. */
export function rotaryDim(
  { hidden_size, num_attention_heads, rotary_pct }: Pick<
    GptNeoXConfig,
    "hidden_size" | "num_attention_heads" | "rotary_pct"
  >,
): number {
  return Math.floor(hidden_size / num_attention_heads * rotary_pct);
}

export function attentionShape(config: GptNeoXConfig): AttentionShape {
  const { hidden_size, num_attention_heads } = config;
  return {
    num_attention_heads,
    num_key_value_heads: num_attention_heads,
    head_dim: hidden_size / num_attention_heads,
    rotary_dim: rotaryDim(config),
    rotary_base: config.rotary_emb_base,
  };
}

export function toHuggingFace(config: GptNeoXConfig): Record<string, unknown> {
  return {
    architectures: ["GPTNeoXForCausalLM"],
    ...FIXED,
    // Through the schema, which puts the keys in one order, however the configuration came about.
    ...schema.parse(config),
    initializer_range: 0.02,
    bos_token_id: 0,
    eos_token_id: 0,
    torch_dtype: "float32",
    use_cache: true,
  };
}
