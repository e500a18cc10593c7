/**
 * The Llama configuration, in the keys of Hugging Face's `config.json`.
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

/** What decides the shape and arithmetic of a model. */
export interface LlamaConfig extends CommonSizes {
  model_type: "llama";
  /** Heads of keys and values, each shared by a group of attention heads. */
  num_key_value_heads: number;
  head_dim: number;
  /** Base of the rotary frequencies. */
  rope_theta: number;
  rms_norm_eps: number;
  /** Whether the output projection is the input embedding. */
  tie_word_embeddings: boolean;
}

const fields = {
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  /** As many as attention heads when left out. */
  num_key_value_heads: positive.optional(),
  /** Dimensions of a head; `hidden_size` / `num_attention_heads` when left out. */
  head_dim: positive.optional(),
  intermediate_size: positive,
  max_position_embeddings: positive.default(2048),
  /** Base of the rotary frequencies. */
  rope_theta: z.number().positive().default(10000),
  /** Added to the mean square before its root is taken. */
  rms_norm_eps: z.number().positive().default(1e-6),
  /** Whether the output projection is the input embedding. */
  tie_word_embeddings: z.boolean().default(false),
};

const schema = z.object({ vocab_size: positive, ...fields });

export const sizes = z.strictObject({
  /** Family of the model; GPT-NeoX when left out. */
  model_type: z.literal("llama"),
  ...fields,
})
  .superRefine((config, context) => {
    const message = headProblem(withHeads(config));
    if (message) context.addIssue({ code: "custom", message });
  });

/** What only this family's models with other settings have; they are refused. */
const FIXED: FixedFields = {
  model_type: "llama",
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
};

type Heads = Pick<LlamaConfig, "num_key_value_heads" | "head_dim">;
type WithoutHeads = Omit<LlamaConfig, keyof Heads | "vocab_size"> & Partial<Heads>;

/** Fills in the number of heads of keys and values, and their width. */
function withHeads<C extends WithoutHeads>(config: C): C & Heads {
  const { hidden_size, num_attention_heads: heads } = config;
  const { num_key_value_heads = heads, head_dim = hidden_size / heads } = config;
  return { ...config, num_key_value_heads, head_dim };
}

/** A configuration from the fields of a recipe. */
export function complete(given: unknown, vocab_size: number): LlamaConfig {
  return { ...withHeads(sizes.parse(given)), vocab_size };
}

/** Reads the keys of published checkpoints (`rope_theta`) or of transformers 5 (`rope_parameters`). */
export function parse(given: Readonly<Record<string, unknown>>, origin: string): LlamaConfig {
  checkFixed(given, FIXED, origin);
  const rope = ropeParameters(given, origin);
  const parsed = parseFields(schema, {
    ...given,
    num_key_value_heads: given.num_key_value_heads ?? undefined,
    head_dim: given.head_dim ?? undefined,
    rope_theta: given.rope_theta ?? rope.rope_theta,
  }, origin);
  const config = withHeads({ model_type: "llama" as const, ...parsed });
  const problem = headProblem(config);
  if (problem) throw new Error(`${origin}: ${problem}`);
  return config;
}

/** What is wrong with the heads. */
function headProblem(
  { hidden_size, num_attention_heads, num_key_value_heads, head_dim }: Omit<
    LlamaConfig,
    "vocab_size"
  >,
): string | undefined {
  if (!Number.isInteger(head_dim)) {
    return `hidden_size ${hidden_size} is not divisible by ${num_attention_heads} heads`;
  }
  if (head_dim % 2 !== 0) return `heads of ${head_dim} dims cannot be rotated in pairs`;
  if (num_attention_heads % num_key_value_heads === 0) return undefined;
  return `${num_attention_heads} heads do not form groups over num_key_value_heads ${num_key_value_heads}`;
}

export function attentionShape(config: LlamaConfig): AttentionShape {
  const { num_attention_heads, num_key_value_heads, head_dim, rope_theta } = config;
  return {
    num_attention_heads,
    num_key_value_heads,
    head_dim,
    rotary_dim: head_dim,
    rotary_base: rope_theta,
  };
}

export function toHuggingFace(config: LlamaConfig): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
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
