import assert from "node:assert/strict";
import { countWords } from "./count_words.ts";
import type { WordCounts } from "./count_words.ts";

/** Enough for several batches. */
const TEXTS = Array.from(
  { length: 3000 },
  (_, i) => `the cat number ${i % 700} sat on the mat. `.repeat(8),
);

function toObject({ bytes, starts, counts }: WordCounts): Record<string, number> {
  const decoder = new TextDecoder();
  const entries = Array.from(counts, (count, i): [string, number] => [
    decoder.decode(bytes.subarray(starts[i], starts[i + 1])),
    count,
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

Deno.test("counts the same for any number of workers", async () => {
  const one = toObject(await countWords(TEXTS, { workers: 1 }));
  assert.equal(one[" cat"], 24_000);
  assert.equal(one["the"], 3000);
  assert.equal(one[" 699"], 32);
  assert.deepEqual(toObject(await countWords(TEXTS, { workers: 3 })), one);
});

Deno.test("counts few texts, and no texts", async () => {
  assert.deepEqual(toObject(await countWords(["a b", "a"])), { a: 2, " b": 1 });
  assert.equal((await countWords([])).counts.length, 0);
});

Deno.test("errors of the texts and aborts are propagated", async () => {
  const failing = function* () {
    yield* TEXTS;
    throw new Error("row 7 is broken");
  };
  await assert.rejects(() => countWords(failing(), { workers: 1 }), /row 7 is broken/);
  const controller = new AbortController();
  const aborting = function* () {
    yield* TEXTS;
    controller.abort(new Error("stopped"));
    yield* TEXTS;
  };
  const { signal } = controller;
  await assert.rejects(() => countWords(aborting(), { workers: 1, signal }), /stopped/);
});
