/**
 * The families of models that there are.
 *
 * @module
 */
import { z } from "zod";
import type { Family } from "./family.ts";
import { type GptNeoXConfig, sizes as gpt_neox_sizes } from "./gpt_neox/config.ts";
import { gpt_neox } from "./gpt_neox/mod.ts";
import { type LlamaConfig, sizes as llama_sizes } from "./llama/config.ts";
import { llama } from "./llama/mod.ts";

/** A model's configuration. `model_type` tells the families apart; without one it is GPT-NeoX. */
export type ModelConfig = GptNeoXConfig | LlamaConfig;

/** By Hugging Face's `model_type`. */
export const FAMILIES = { gpt_neox, llama } as const;

const DEFAULT = "gpt_neox";

/** Fields of a recipe that give a model's sizes, all but the vocabulary's. */
export const sizes_schema = z.discriminatedUnion("model_type", [gpt_neox_sizes, llama_sizes]);

/** The family of a configuration. */
export function familyOf<C extends ModelConfig>({ model_type = DEFAULT }: C): Family<C> {
  return FAMILIES[model_type] as unknown as Family<C>;
}

/** The configuration of given sizes for a tokenizer's vocabulary. */
export function completeConfig(
  sizes: z.output<typeof sizes_schema>,
  vocab_size: number,
): ModelConfig {
  return FAMILIES[sizes.model_type ?? DEFAULT].complete(sizes, vocab_size);
}

/**
 * Reads a Hugging Face configuration.
 *
 * @param json the parsed `config.json`.
 * @param origin where it came from, for messages.
 * @throws {Error} when its family is not one of those here, a field is missing or wrong, or asks for what this
 * implementation does not do.
 */
export function parseConfig(json: unknown, origin: string): ModelConfig {
  if (typeof json !== "object" || json === null) throw new Error(`${origin} holds no JSON object`);
  const given = json as Record<string, unknown>;
  const model_type = (given.model_type ?? DEFAULT) as keyof typeof FAMILIES;
  if (!Object.hasOwn(FAMILIES, model_type)) {
    const known = Object.keys(FAMILIES).map((name) => `"${name}"`).join(" and ");
    throw new Error(
      `${origin}: model_type is ${JSON.stringify(model_type)}, only ${known} are supported`,
    );
  }
  return FAMILIES[model_type].parse(given, origin);
}

/** The configuration as `config.json` for `from_pretrained`. */
export function toHuggingFace(config: ModelConfig): Record<string, unknown> {
  return familyOf(config).toHuggingFace(config);
}
