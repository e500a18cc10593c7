/**
 * Memory of a training step, before anything is made.
 *
 * @module
 */
import { type BatchShape, familyOf, type ModelConfig, parameterCount } from "../model/mod.ts";

/** Layers whose worth of values the backward pass holds while it is at one layer. */
const WORKING_LAYERS = 4;
/** Logits are computed in chunks, but the memory of some is taken before that of others is given back. */
const LOGITS = 1.5;
/** Logits of a vocabulary whose gradient fits the processor's cache: three chunks of 8 MiB. */
const CACHED_BYTES = 8 << 20;
/** The process itself: the runtime, ONNX Runtime, compiled graphs. */
const PROCESS_BYTES = 150e6;

/**
 * Bytes of a training step by what they hold, on the CPU with ONNX Runtime's kernels, in float32. With P parameters
 * and micro-batches of N = B · T positions,
 *
 *     weights      4 P
 *     gradients    4 P
 *     moments      8 P
 *     activations  4 N ((L + 4) (K + 5/8 H T) + 3/2 V)
 *
 * Of each layer the backward pass needs K values as the family says, and the probabilities of attention, of which
 * blocks of queries leave 5/8. The terms 4 and 3/2 are measured; tests hold the sum within 20% of a run's.
 * oneDNN plans its memory and takes less.
 */
export function trainingMemory(config: ModelConfig, shape: BatchShape): Record<string, number> {
  const { hidden_size: D, num_attention_heads: H, vocab_size: V } = config;
  const P = parameterCount(config), N = shape.rows * shape.length;
  const layer = familyOf(config).keptValues(config) + 5 / 8 * H * shape.length;
  const logits = V * D * 4 <= CACHED_BYTES ? 3 * CACHED_BYTES : 4 * N * LOGITS * V;
  return {
    weights: 4 * P,
    gradients: 4 * P,
    moments: 8 * P,
    activations: 4 * N * (config.num_hidden_layers + WORKING_LAYERS) * layer + logits,
    process: PROCESS_BYTES,
  };
}
