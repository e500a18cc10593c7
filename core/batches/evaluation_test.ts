import assert from "node:assert/strict";
import { evaluationSequences } from "./mod.ts";
import { countingSet, setOf } from "../../tests/shared/token_sets.ts";

Deno.test("packed evaluation takes sequences at even distances, in order", () => {
  const set = countingSet("general", 53);
  const firsts = (max_sequences: number) =>
    evaluationSequences(set, { sequence_length: 4, mode: "packed", max_sequences })
      .map(({ tokens }) => tokens[0]);
  assert.deepEqual(firsts(100), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
  assert.deepEqual(firsts(4), [0, 10, 25, 35]);
  assert.deepEqual(firsts(1), [0]);
});

Deno.test("example evaluation keeps documents and prompts, without those that have no label", () => {
  const set = setOf("s", [[1, 2, 3], [4], [5, 6, 7, 8]], [2, 0, 0]);
  const sequences = evaluationSequences(set, {
    sequence_length: 2,
    mode: "examples",
    max_sequences: 9,
  });
  assert.deepEqual(sequences.map(({ tokens }) => [...tokens]), [[1, 2, 3], [5, 6, 7]]);
  assert.deepEqual(sequences.map(({ loss_spans }) => loss_spans), [[2, 3], [0, 3]]);
});

Deno.test("a set without anything to evaluate is rejected", () => {
  const set = countingSet("tiny", 1);
  const options = { sequence_length: 4, mode: "packed", max_sequences: 1 } as const;
  assert.throws(() => evaluationSequences(set, options), /"tiny" \(1 document, 1 token\)/);
  const [short] = evaluationSequences(countingSet("short", 4), options);
  assert.deepEqual([...short.tokens], [0, 1, 2, 3]);
  assert.throws(() => evaluationSequences(set, { ...options, max_sequences: 0 }), /max_sequences/);
});

Deno.test("sequences say which documents their tokens are of", () => {
  const set = setOf("s", [[1, 2, 3], [], [4, 5, 6, 7, 8, 9, 10], [11, 12]]);
  const documentsOf = (options: { mode: "packed" | "examples"; packing?: "best_fit" }) => {
    const { mode, packing } = options;
    const more = packing && { packing: { packing, document_mask: false } };
    return evaluationSequences(set, { sequence_length: 3, mode, max_sequences: 9, ...more })
      .map(({ documents, tokens }) =>
        documents!.map(({ document, offset }) => [document, offset, tokens[offset]])
      );
  };
  assert.deepEqual(documentsOf({ mode: "packed" }), [
    [[0, 0, 1], [2, 3, 4]],
    [[2, 0, 5]],
    [[2, 0, 9], [3, 2, 11]],
  ]);
  assert.deepEqual(documentsOf({ mode: "examples" }), [[[0, 0, 1]], [[2, 0, 4]], [[3, 0, 11]]]);
  // Full bins first: the long document's first four tokens; then what is left of it, alone.
  const best = documentsOf({ mode: "packed", packing: "best_fit" });
  assert.deepEqual(best.flat().map(([document, , first]) => [document, first]).sort(), [
    [0, 1],
    [2, 4],
    [2, 8],
    [3, 11],
  ]);
});
