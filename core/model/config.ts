/**
 * The GPT-NeoX configuration, in the keys of Hugging Face's `config.json`.
 *
 * @module
 */
import { z } from "zod";

/** What decides the shape and arithmetic of a model. Keys are those of published Pythia checkpoints. */
export interface GptNeoXConfig {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  max_position_embeddings: number;
  /** Share of each head's dimensions that is rotated. */
  rotary_pct: number;
  rotary_emb_base: number;
  layer_norm_eps: number;
  use_parallel_residual: boolean;
}

const positive = z.number().int().positive();

const schema = z.object({
  vocab_size: positive,
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  intermediate_size: positive,
  max_position_embeddings: positive.default(2048),
  rotary_pct: z.number().min(0).max(1).default(0.25),
  rotary_emb_base: z.number().positive().default(10000),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
});

/** Settings of Hugging Face that this implementation knows in one value only. */
const FIXED: Readonly<Record<string, unknown>> = {
  model_type: "gpt_neox",
  hidden_act: "gelu",
  attention_bias: true,
  tie_word_embeddings: false,
};

/**
 * Reads a Hugging Face GPT-NeoX configuration, in the keys of published checkpoints (`rotary_pct`) or of
 * transformers 5 (`rope_parameters`).
 *
 * @param json the parsed `config.json`.
 * @param origin where it came from, for messages.
 * @throws {Error} when a field is missing or wrong, or asks for what this implementation does not do.
 */
export function parseConfig(json: unknown, origin: string): GptNeoXConfig {
  if (typeof json !== "object" || json === null) throw new Error(`${origin} holds no JSON object`);
  const given = json as Record<string, unknown>;
  for (const [key, value] of Object.entries(FIXED)) {
    if (given[key] !== undefined && given[key] !== value) {
      throw new Error(
        `${origin}: ${key} is ${JSON.stringify(given[key])}, only ${
          JSON.stringify(value)
        } is supported`,
      );
    }
  }
  const rope = (given.rope_parameters ?? {}) as Record<string, unknown>;
  if (rope.rope_type !== undefined && rope.rope_type !== "default") {
    throw new Error(`${origin}: rope_type ${JSON.stringify(rope.rope_type)} is not supported`);
  }
  const result = schema.safeParse({
    ...given,
    rotary_pct: given.rotary_pct ?? rope.partial_rotary_factor,
    rotary_emb_base: given.rotary_emb_base ?? rope.rope_theta,
  });
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new Error(`${origin}: ${issue.path.join(".")}: ${issue.message}`);
  }
  checkHeads(result.data, origin);
  return result.data;
}

function checkHeads(config: GptNeoXConfig, origin: string): void {
  const { hidden_size, num_attention_heads } = config;
  if (hidden_size % num_attention_heads !== 0) {
    throw new Error(
      `${origin}: hidden_size ${hidden_size} is not divisible by ${num_attention_heads} heads`,
    );
  }
  if (rotaryDim(config) % 2 !== 0) {
    throw new Error(
      `${origin}: rotary_pct ${config.rotary_pct} of a head of ${
        hidden_size / num_attention_heads
      } dims gives ${rotaryDim(config)} rotary dims, which must be even`,
    );
  }
}

/** Number of rotated dimensions per head, as Hugging Face rounds it: ⌊head_dim · rotary_pct⌋. */
export function rotaryDim(config: GptNeoXConfig): number {
  return Math.floor(config.hidden_size / config.num_attention_heads * config.rotary_pct);
}

/** The configuration as `config.json` for `from_pretrained`. */
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
