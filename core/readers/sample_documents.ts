/**
 * A fixed number of documents out of many.
 *
 * @module
 */
import type { Document } from "./card.ts";
import { hashShare } from "./hash.ts";

/**
 * Keeps `count` of the documents that are not held out, those whose ids draw the lowest numbers; so the choice
 * depends on nothing but the ids. Documents of the validation split are passed on as they come, the others in
 * their order at the end. At most twice as many as asked for are in memory.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { sampleDocuments } from "./sample_documents.ts";
 * async function* numbers() {
 *   for (let i = 0; i < 1000; i++) yield { id: String(i), text: "…" };
 * }
 * const chosen = await Array.fromAsync(sampleDocuments(numbers(), 10));
 * assert.equal(chosen.length, 10);
 * ```
 */
export async function* sampleDocuments(
  documents: AsyncIterable<Document>,
  count: number,
): AsyncGenerator<Document> {
  let kept: { document: Document; draw: number; place: number }[] = [];
  const lowest = () => kept.sort((a, b) => a.draw - b.draw || a.place - b.place).slice(0, count);
  let place = 0;
  for await (const document of documents) {
    if (document.split === "validation") {
      yield document;
      continue;
    }
    kept.push({ document, draw: hashShare("examples", document.id), place: place++ });
    if (kept.length >= 2 * count) kept = lowest();
  }
  for (const { document } of lowest().sort((a, b) => a.place - b.place)) yield document;
}
