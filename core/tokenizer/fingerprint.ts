/**
 * Recognises a tokenizer by what its ids mean.
 *
 * @module
 */
import { createHash } from "node:crypto";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * SHA-256 (hex) of what decides which ids a text gets: vocabulary, merges, added tokens, normalizer, pre-tokenizer. Equal
 * for files that say the same in another way: with spaces, with other keys' order, with defaults left out, with merges as
 * text or as pairs. Padding, truncation, post-processor and decoder do not count: they change no meaning of an id.
 *
 * @param tokenizer_json content of `tokenizer.json`.
 * @returns undefined when it is not that of a tokenizer.
 */
export function tokenizerFingerprint(tokenizer_json: string): string | undefined {
  const file = parse(tokenizer_json);
  if (!isObject(file) || !isObject(file.model) || typeof file.model.vocab !== "object") {
    return undefined;
  }
  const { vocab, merges, ...model } = file.model;
  const content = {
    model,
    vocab: Array.isArray(vocab)
      ? vocab
      : Object.entries(vocab as Record<string, number>).sort(([, a], [, b]) => a - b),
    merges: asArray(merges).map((merge) => typeof merge === "string" ? merge.split(" ") : merge),
    added_tokens: asArray(file.added_tokens).toSorted((a, b) => idOf(a) - idOf(b)),
    normalizer: file.normalizer,
    pre_tokenizer: file.pre_tokenizer,
  };
  return createHash("sha256").update(JSON.stringify(content, plain)).digest("hex");
}

/** Sorts keys, and leaves out what is not set or off, as older files do. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null && item !== false);
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
const idOf = (token: Json): number => isObject(token) ? Number(token.id) : 0;
