/** Token sets for tests. */
import type { DocumentSet } from "@causeway/core/batches";
import { answerSpan } from "@causeway/core/stage";

/** A set of documents with the given tokens; prompt lengths default to 0. */
export function setOf(name: string, documents: number[][], prompts: number[] = []): DocumentSet {
  const offsets = new Float64Array(documents.length + 1);
  documents.forEach((document, i) => offsets[i + 1] = offsets[i] + document.length);
  const all = documents.flat();
  const tokens = all.some((id) => id > 65_535) ? Uint32Array.from(all) : Uint16Array.from(all);
  return {
    name,
    token_count: tokens.length,
    read: (start, end) => tokens.slice(start, end),
    offsets,
    lossSpans: (i) => answerSpan(prompts[i] ?? 0, documents[i].length),
    is_masked: prompts.some((length) => length > 0),
    text_bytes: 4 * tokens.length,
    documents: documents.length,
  };
}

/** A set of one document with the tokens 0, 1, 2, …, so that each token is its position. */
export function countingSet(name: string, tokens: number): DocumentSet {
  return setOf(name, [Array.from({ length: tokens }, (_, i) => i)]);
}
