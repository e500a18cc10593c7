/**
 * Model sizes: Pythia's (Biderman et al., 2023, table 1) and small ones of the same family.
 *
 * @module
 */
import type { GptNeoXConfig } from "./config.ts";

function pythia(
  hidden_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
): Omit<GptNeoXConfig, "vocab_size"> {
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

/** Sizes by name; the vocabulary size comes with the tokenizer (Pythia's is padded to 50,304). */
export const PRESETS = {
  /** 0.8M parameters beside the embeddings. */
  "mini": pythia(128, 4, 4),
  /** 4.7M parameters beside the embeddings. */
  "small": pythia(256, 6, 8),
  "pythia-14m": pythia(128, 6, 4),
  "pythia-70m": pythia(512, 6, 8),
  "pythia-160m": pythia(768, 12, 12),
  "pythia-410m": pythia(1024, 24, 16),
} as const satisfies Record<string, Omit<GptNeoXConfig, "vocab_size">>;

export type PresetName = keyof typeof PRESETS;
