/**
 * Model sizes by name: Pythia's (Biderman et al., 2023, table 1) and small ones of the same family, and Llama's.
 *
 * @module
 */
import type { GptNeoXConfig } from "./gpt_neox/config.ts";
import type { LlamaConfig } from "./llama/config.ts";

/** A configuration but for the vocabulary, whose size comes with the tokenizer. */
type Preset<C> = Omit<C, "vocab_size">;

function pythia(
  hidden_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
): Preset<GptNeoXConfig> {
  return {
    hidden_size,
    num_hidden_layers,
    num_attention_heads,
    intermediate_size: 4 * hidden_size,
    max_position_embeddings: 2048,
    rotary_pct: 0.25,
    rotary_emb_base: 10000,
    layer_norm_eps: 1e-5,
    use_parallel_residual: true,
  };
}

function llama(
  sizes:
    & Omit<
      Preset<LlamaConfig>,
      "model_type" | "head_dim" | "rope_theta" | "rms_norm_eps" | "tie_word_embeddings"
    >
    & Partial<Pick<LlamaConfig, "rope_theta" | "tie_word_embeddings">>,
): Preset<LlamaConfig> {
  return {
    model_type: "llama",
    head_dim: sizes.hidden_size / sizes.num_attention_heads,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    ...sizes,
  };
}

/** Sizes by name (Pythia's vocabulary is padded to 50,304; SmolLM2's is 49,152, TinyLlama's 32,000). */
export const PRESETS = {
  /** 0.8M parameters beside the embeddings. */
  "mini": pythia(128, 4, 4),
  /** 4.7M parameters beside the embeddings. */
  "small": pythia(256, 6, 8),
  "pythia-14m": pythia(128, 6, 4),
  "pythia-31m": pythia(256, 6, 8),
  "pythia-70m": pythia(512, 6, 8),
  "pythia-160m": pythia(768, 12, 12),
  "pythia-410m": pythia(1024, 24, 16),
  /** As many parameters in a layer's matrices as "mini" has. */
  "llama-mini": llama({
    hidden_size: 128,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 384,
    max_position_embeddings: 2048,
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
    max_position_embeddings: 2048,
  }),
} as const satisfies Record<string, Preset<GptNeoXConfig> | Preset<LlamaConfig>>;

export type PresetName = keyof typeof PRESETS;
