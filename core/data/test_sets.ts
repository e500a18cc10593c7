/** Token sets for tests. */
import type { TokenSet } from "./token_set.ts";

/** A set of documents with the given tokens; `prompts` default to 0. */
export function setOf(name: string, documents: number[][], prompts: number[] = []): TokenSet {
  const offsets = new Float64Array(documents.length + 1);
  documents.forEach((document, i) => offsets[i + 1] = offsets[i] + document.length);
  return {
    name,
    tokens: Uint16Array.from(documents.flat()),
    offsets,
    prompt_lengths: Int32Array.from(documents, (_, i) => prompts[i] ?? 0),
    text_bytes: Int32Array.from(documents, (document) => 4 * document.length),
    documents: documents.length,
  };
}

/** A set of one document holding 0, 1, 2, …, so that a token tells its place. */
export function countingSet(name: string, tokens: number): TokenSet {
  return setOf(name, [Array.from({ length: tokens }, (_, i) => i)]);
}
