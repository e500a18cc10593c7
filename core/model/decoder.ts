/**
 * The decoder of every family: embedding, layers, final norm.
 *
 * @module
 */
import { gather, type Value } from "../graph/mod.ts";
import type { Attention } from "./attention.ts";
import type { DeclaredParameters } from "./declared.ts";
import { familyOf, type ModelConfig } from "./families.ts";

/** Values of a forward pass. */
export interface Forward {
  /** [N, D], the last layer's output after the final norm: what the output projection turns into logits. */
  final: Value;
  /** [N, D] each: the embedding, then every layer's output, the last one after the final norm. */
  hidden_states: Value[];
}

/**
 * Builds the forward pass.
 *
 * @param input_ids int32 [N].
 */
export function decoder(
  config: ModelConfig,
  parameters: DeclaredParameters,
  input_ids: Value,
  attention: Attention,
): Forward {
  const family = familyOf(config), context = { config, parameters, attention };
  let hidden = gather(parameters.get(family.embeddings(config).input), input_ids);
  const hidden_states = [hidden];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    hidden = family.layer(context, i, hidden);
    hidden_states.push(hidden);
  }
  const final = family.finalNorm(context, hidden);
  hidden_states[hidden_states.length - 1] = final;
  return { final, hidden_states };
}
