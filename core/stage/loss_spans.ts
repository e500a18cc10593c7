/**
 * Which tokens of a document are labels, as the `tokens` port says it: ascending pairs [start, end) of positions. The
 * first token of a document is in a span like any other, but never a label: it has no token before it.
 *
 * @module
 */
import type { ListColumn } from "./ports.ts";

/**
 * The span of a document with one answer: all tokens after its prompt.
 *
 * @param length tokens of the document, the prompt among them.
 * @returns [prompt_length, length]; nothing when all of it is prompt.
 */
export function answerSpan(prompt_length: number, length: number): number[] {
  return prompt_length < length ? [prompt_length, length] : [];
}

/**
 * The column `loss_spans` of documents with one answer each.
 *
 * @param offsets of the column `tokens`.
 * @param prompt_lengths [documents]; without them, loss is taken on whole documents.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { answerSpans } from "./mod.ts";
 *
 * // Documents of 2 and 3 tokens, the second with a prompt of 1.
 * const { values, offsets } = answerSpans(Int32Array.of(0, 2, 5), [0, 1]);
 * assert.deepEqual([...values], [0, 2, 1, 3]);
 * assert.deepEqual([...offsets], [0, 2, 4]);
 * ```
 */
export function answerSpans(
  offsets: Int32Array,
  prompt_lengths?: ArrayLike<number>,
): ListColumn<Uint32Array> {
  const documents = Math.max(0, offsets.length - 1);
  return spansColumn(Array.from({ length: documents }, (_, i) => {
    return answerSpan(prompt_lengths?.[i] ?? 0, offsets[i + 1] - offsets[i]);
  }));
}

/** The column `loss_spans` from the spans of each document. */
export function spansColumn(spans: readonly ArrayLike<number>[]): ListColumn<Uint32Array> {
  const offsets = new Int32Array(spans.length + 1);
  for (const [i, { length }] of spans.entries()) offsets[i + 1] = offsets[i] + length;
  const values = new Uint32Array(offsets[spans.length]);
  for (const [i, of_one] of spans.entries()) values.set(of_one, offsets[i]);
  return { values, offsets };
}
