/**
 * The parameters of GPT-NeoX.
 *
 * @module
 */
import { matrix, type ParameterSpec, vector } from "../parameter_spec.ts";
import type { GptNeoXConfig } from "./config.ts";

/** Name of the input embedding, [V, D]. */
export const EMBED_IN = "gpt_neox.embed_in.weight";
/** Name of the output projection, [V, D] in files, [D, V] in memory; it has no bias. */
export const EMBED_OUT = "embed_out.weight";

const DEVIATION = 0.02;

/**
 * Initially layer norms are 1 and 0, biases 0, matrices normal with standard deviation 0.02, those that write to the
 * residual stream (attention.dense, mlp.dense_4h_to_h) with 0.02 / √(2 L), so that the stream's variance does not grow
 * with the depth L (Radford et al., 2019).
 */
export function parameterSpecs(config: GptNeoXConfig): ParameterSpec[] {
  const { vocab_size: V, hidden_size: D, intermediate_size: F, num_hidden_layers: L } = config;
  const residual = DEVIATION / Math.sqrt(2 * L);
  const linear = (name: string, out: number, into: number, deviation = DEVIATION) => [
    matrix(`${name}.weight`, [out, into], deviation),
    vector(`${name}.bias`, out, 0),
  ];
  const norm = (name: string) => [vector(`${name}.weight`, D, 1), vector(`${name}.bias`, D, 0)];
  const layers = Array.from({ length: L }, (_, i) => {
    const prefix = `gpt_neox.layers.${i}`;
    return [
      ...norm(`${prefix}.input_layernorm`),
      ...norm(`${prefix}.post_attention_layernorm`),
      ...linear(`${prefix}.attention.query_key_value`, 3 * D, D),
      ...linear(`${prefix}.attention.dense`, D, D, residual),
      ...linear(`${prefix}.mlp.dense_h_to_4h`, F, D),
      ...linear(`${prefix}.mlp.dense_4h_to_h`, D, F, residual),
    ];
  });
  const embedding = { shape: [V, D], initial: { deviation: DEVIATION } };
  return [
    { ...embedding, name: EMBED_IN, transposed: false },
    ...layers.flat(),
    ...norm("gpt_neox.final_layer_norm"),
    { ...embedding, name: EMBED_OUT, transposed: true },
  ];
}
