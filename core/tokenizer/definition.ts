/**
 * Which tokenizers are byte-level BPE.
 *
 * @module
 */
import { BYTE_CHARACTERS } from "./byte_level.ts";
import type { Merge } from "./bpe_merge.ts";
import { checkShape, parseJsonFile } from "../config/mod.ts";
import { normalizeNfc } from "./nfc.ts";
import { type AddedToken, type Definition, definition_schema } from "./shapes.ts";

/** The parts of a byte-level tokenizer. */
export interface ByteLevelDefinition {
  /** Id of each byte, [256]. */
  readonly byte_ids: readonly number[];
  /** In rank order. */
  readonly merges: readonly Merge[];
  readonly added_tokens: readonly AddedToken[];
  /** Whether texts are normalized to NFC first. */
  readonly nfc: boolean;
  /** Token of each id, in the byte alphabet; added tokens as plain text. */
  readonly tokens: readonly (string | undefined)[];
}

/** The most merges whose ranks the queue in `bpe_merge.ts` can represent. */
const MAX_MERGES = 2 ** 22;

const NAME = "tokenizer.json";

/** Reads `tokenizer.json`. @throws {Error} when it is not valid JSON, or not that of a tokenizer: with the place. */
export function parseDefinition(text: string): Definition {
  const value = parseJsonFile<{ model?: { vocab?: unknown } } | null>(text, NAME);
  if (typeof value?.model?.vocab === "object" && value.model.vocab !== null) {
    return checkShape(value, NAME, definition_schema);
  }
  throw new Error(`${NAME} has no vocabulary (model.vocab); is it a Hugging Face tokenizer?`);
}

/** One more than the largest id, added tokens included. */
export function idCount({ model: { vocab }, added_tokens = [] }: Definition): number {
  let largest = -1;
  for (const id of Array.isArray(vocab) ? vocab.keys() : Object.values(vocab)) {
    largest = Math.max(largest, id);
  }
  for (const { id } of added_tokens) largest = Math.max(largest, id);
  return largest + 1;
}

/** Reads a byte-level tokenizer; undefined if it uses anything that `ByteLevelCodec` does not support. */
export function byteLevelDefinition(definition: Definition): ByteLevelDefinition | undefined {
  const { model, normalizer, added_tokens = [] } = definition;
  if (!isByteLevel(definition) || !isPlainBpe(model)) return undefined;
  const ids = new Map(Object.entries(model.vocab as Record<string, number>));
  const byte_ids = BYTE_CHARACTERS.flatMap((character) => ids.get(character) ?? []);
  const merges = readMerges(model.merges ?? [], ids);
  if (!arePlain(added_tokens, ids)) return undefined;
  if (byte_ids.length < BYTE_CHARACTERS.length || merges === undefined) return undefined;
  const tokens: string[] = [];
  for (const [token, id] of ids) tokens[id] = token;
  const nfc = normalizer?.type === "NFC";
  for (const { id, content, normalized = true } of added_tokens) {
    tokens[id] = nfc && normalized ? normalizeNfc(content) : content;
  }
  return { byte_ids, merges, added_tokens, nfc, tokens };
}

function isByteLevel({ normalizer, pre_tokenizer, decoder }: Definition): boolean {
  return (!normalizer || normalizer.type === "NFC") && pre_tokenizer?.type === "ByteLevel" &&
    pre_tokenizer.add_prefix_space === false && pre_tokenizer.use_regex !== false &&
    decoder?.type === "ByteLevel";
}

function isPlainBpe(model: Definition["model"]): boolean {
  return model.type === "BPE" && !model.dropout && !model.continuing_subword_prefix &&
    !model.end_of_word_suffix && !model.byte_fallback && !model.ignore_merges &&
    (model.merges?.length ?? 0) <= MAX_MERGES;
}

/**
 * Whether added tokens match exactly their content and have the ids that the Rust library assigns: the vocabulary's if
 * they are in it, else the next free one.
 */
function arePlain(added_tokens: readonly AddedToken[], ids: ReadonlyMap<string, number>): boolean {
  let next = ids.size;
  return added_tokens.every(({ id, content, single_word, lstrip, rstrip }) => {
    const expected = ids.get(content) ?? next++;
    return id === expected && content !== "" && content.isWellFormed() &&
      !single_word && !lstrip && !rstrip;
  });
}

/** Merges as ids; undefined if any token is missing from the vocabulary. */
function readMerges(
  merges: readonly (string | readonly string[])[],
  ids: ReadonlyMap<string, number>,
): Merge[] | undefined {
  const read: Merge[] = [];
  for (const merge of merges) {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    if (parts.length !== 2) return undefined;
    const left = ids.get(parts[0]), right = ids.get(parts[1]), merged = ids.get(parts.join(""));
    if (left === undefined || right === undefined || merged === undefined) return undefined;
    read.push([left, right, merged]);
  }
  return read;
}
