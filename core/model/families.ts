/**
 * The model families, and how a configuration finds its own.
 *
 * @module
 */
import { z } from "zod";
import type { Family } from "./family.ts";
import { gpt_neox } from "./gpt_neox/mod.ts";
import { llama } from "./llama/mod.ts";

/** By Hugging Face's `model_type`. */
export const FAMILIES = { gpt_neox, llama };

const DEFAULT = "gpt_neox";

type Families = typeof FAMILIES;
type AnyFamily = Families[keyof Families];

/** A model's configuration. `model_type` names its family; without one it is GPT-NeoX. */
export type ModelConfig = ReturnType<AnyFamily["parse"]>;

/** Sizes of a model in a recipe: everything but the vocabulary's. */
export type Sizes = z.output<AnyFamily["sizes_schema"]>;

export type PresetName = { [F in keyof Families]: keyof Families[F]["presets"] }[keyof Families];

/** Sizes of known models by name. */
export const PRESETS = Object.assign(
  {},
  ...Object.values(FAMILIES).map(({ presets }) => presets),
) as Readonly<Record<PresetName, Sizes>>;

/** Fields of a recipe that give a model's sizes. */
export const sizes_schema = z.discriminatedUnion(
  "model_type",
  Object.values(FAMILIES).map(({ sizes_schema }) => sizes_schema) as unknown as [
    AnyFamily["sizes_schema"],
  ],
);

/** The family of a configuration. */
export function familyOf<C extends ModelConfig>({ model_type = DEFAULT }: C): Family<C> {
  return FAMILIES[model_type] as unknown as Family<C>;
}

/** The configuration of given sizes for a tokenizer's vocabulary. */
export function completeConfig(sizes: Sizes, vocab_size: number): ModelConfig {
  const model_type = "model_type" in sizes ? sizes.model_type : undefined;
  return FAMILIES[model_type ?? DEFAULT].complete(sizes, vocab_size);
}

/**
 * Reads a Hugging Face configuration.
 *
 * @param json the parsed `config.json`.
 * @param origin where it came from, for messages.
 * @throws {Error} when its family is unknown, or a field is missing, wrong, or needs something that is not implemented.
 */
export function parseConfig(json: unknown, origin: string): ModelConfig {
  if (typeof json !== "object" || json === null) {
    throw new Error(`${origin} must contain a JSON object`);
  }
  const given = json as Record<string, unknown>;
  const model_type = (given.model_type ?? DEFAULT) as keyof Families;
  if (typeof model_type !== "string" || !Object.hasOwn(FAMILIES, model_type)) {
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
