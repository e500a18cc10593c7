/**
 * Recognises a tokenizer by what its ids mean.
 *
 * @module
 */
import { createHash } from "node:crypto";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * SHA-256 (hex) of what decides which ids a text gets: vocabulary, merges, normalizer, pre-tokenizer. Equal for files that
 * say the same in another way: with spaces, with other keys' order, with defaults left out, with merges as text or as
 * pairs. Padding, truncation, post-processor and decoder do not count, since they change no meaning of an id; nor do added
 * tokens, which extend a tokenizer, as those of a chat format do; nor NFC, which transformers adds when it saves GPT-NeoX
 * tokenizers and which changes few texts.
 *
 * @param tokenizer_json content of `tokenizer.json`.
 * @returns undefined when it is not that of a tokenizer.
 */
export function tokenizerFingerprint(tokenizer_json: string): string | undefined {
  const file = parse(tokenizer_json);
  if (!isObject(file) || !isObject(file.model)) return undefined;
  const { vocab, merges, ...model } = file.model;
  if (typeof vocab !== "object" || vocab === null) return undefined;
  if (!Array.isArray(vocab) && !Object.values(vocab).every(Number.isInteger)) return undefined;
  const content = {
    model,
    vocab: Array.isArray(vocab)
      ? vocab
      : Object.entries(vocab as Record<string, number>).sort(([, a], [, b]) => a - b),
    merges: asArray(merges).map((merge) => typeof merge === "string" ? merge.split(" ") : merge),
    normalizer: isNfc(file.normalizer) ? null : file.normalizer,
    pre_tokenizer: file.pre_tokenizer,
  };
  return createHash("sha256").update(JSON.stringify(content, plain)).digest("hex");
}

const isNfc = (normalizer: Json | undefined) => isObject(normalizer) && normalizer.type === "NFC";

/** Sorts keys, and leaves out what is not set or off, as older files do. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, item]) =>
    item !== null && item !== false && item !== ""
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const asArray = (value: Json | undefined): readonly Json[] => Array.isArray(value) ? value : [];
