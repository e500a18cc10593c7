/**
 * Vocabularies of models, and what is not in them.
 *
 * @module
 */
import type { AddedToken } from "../shapes.ts";
import type { Part } from "./settings.ts";

/** A word to ids. */
export type Model = (word: string) => readonly number[];

/** Vocabularies have 100,000 entries and more, and several parts of a tokenizer ask for them. */
const made = new WeakMap<object, ReadonlyMap<string, number>>();

/** Tokens and their ids. */
export function vocabulary({ vocab }: Part): ReadonlyMap<string, number> {
  const known = made.get(vocab as object);
  if (known !== undefined) return known;
  const ids: ReadonlyMap<string, number> = Array.isArray(vocab)
    ? new Map(vocab.map(([token], id) => [token as string, id]))
    : new Map(Object.entries(vocab as Record<string, number>));
  made.set(vocab as object, ids);
  return ids;
}

/** @throws {Error} for a word that is not in a vocabulary without a token for such words. */
export function refuseUnknown(type: string, word: string): never {
  const shown = JSON.stringify(word.slice(0, 60));
  throw new Error(
    `the vocabulary of the ${type} tokenizer does not have ${shown}, and has no token for unknown words; ` +
      "name one as unk_token in tokenizer.json",
  );
}

const encoder = new TextEncoder();

/** Ids of the bytes of a text, as tokens such as `<0x0A>`; undefined if any is missing. */
export function byteIds(text: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const result: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    if (id === undefined) return undefined;
    result.push(id);
  }
  return result;
}

/** In place of a token that no text may match: a character that no text has (the last one of a private plane). */
const UNMATCHED = "\u{10fffd}";

/**
 * A model that does not find some tokens in texts. The token for unknown words stays, since the model needs it.
 */
export function withoutTokens(model: Part, tokens: readonly AddedToken[]): Part {
  const ids = vocabulary(model);
  if (!tokens.some(({ content }) => ids.has(content))) return model;
  const hidden = new Set(
    tokens.filter(({ id, content }) => id !== model.unk_id && content !== model.unk_token)
      .map(({ id }) => id),
  );
  const nameOf = (token: string, id: number) => hidden.has(id) ? `${UNMATCHED}${id}` : token;
  const vocab = Array.isArray(model.vocab)
    ? model.vocab.map(([token, score], id) => [nameOf(token, id), score])
    : Object.fromEntries(Array.from(ids, ([token, id]) => [nameOf(token, id), id]));
  return { ...model, vocab };
}
