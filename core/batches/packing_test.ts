import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { pack, type PackingConfig, supervisedTokens } from "./mod.ts";
import { countingSet, setOf } from "../../tests/shared/token_sets.ts";

const options = (
  packing: PackingConfig["packing"],
  document_mask: boolean,
  sequence_length: number,
) => ({
  packing,
  document_mask,
  sequence_length,
});

/** Documents of random length; a token is 1000 document + place. */
function randomSet(trial: number, count: number, longest: number) {
  const random = new Random(3, "packing", trial);
  const documents = Array.from({ length: count }, (_, d) => {
    return Array.from({ length: random.below(longest + 1) }, (_, i) => 1000 * d + i);
  });
  return { documents, set: setOf("general", documents) };
}

Deno.test("concatenation cuts every T + 1 tokens and drops the remainder", () => {
  const packed = pack(countingSet("general", 53), options("concatenate", false, 4));
  assert.equal(packed.sequence_count, 10);
  assert.equal(packed.tokens, 40);
  assert.deepEqual([...packed.sequence(9).tokens], [45, 46, 47, 48, 49]);
  assert.equal(packed.sequence(9).starts, undefined);
});

Deno.test("a set of less than one sequence is one short sequence", () => {
  const set = setOf("tiny", [[1, 2], [3]]);
  const packed = pack(set, options("concatenate", true, 4));
  assert.deepEqual([packed.sequence_count, packed.tokens, packed.sequenceTokens(0)], [1, 2, 2]);
  assert.deepEqual([...packed.sequence(0).tokens], [1, 2, 3]);
  assert.deepEqual(packed.sequence(0).starts, [2]);
  assert.equal(pack(setOf("one", [[1]]), options("concatenate", false, 4)).sequence_count, 0);
});

Deno.test("with a mask, concatenated sequences know where documents begin inside them", () => {
  for (let trial = 0; trial < 30; trial++) {
    const { set } = randomSet(trial, 40, 12);
    const packed = pack(set, options("concatenate", true, 9));
    for (let b = 0; b < packed.sequence_count; b++) {
      const { tokens, starts } = packed.sequence(b);
      const expected = [...tokens.keys()].filter((i) => i > 0 && tokens[i] % 1000 === 0);
      assert.deepEqual(starts, expected, `trial ${trial}, block ${b}`);
    }
  }
});

Deno.test("best fit places every document that fits in one piece, once, and no sequence is too long", () => {
  for (let trial = 0; trial < 60; trial++) {
    const capacity = 2 + new Random(4, "capacity", trial).below(20);
    const { documents, set } = randomSet(trial, 60, 24);
    const packed = pack(set, options("best_fit", true, capacity - 1));
    const seen: number[] = [];
    let inputs = 0;
    for (let b = 0; b < packed.sequence_count; b++) {
      const { tokens, starts = [] } = packed.sequence(b);
      assert.ok(tokens.length >= 2 && tokens.length <= capacity);
      assert.equal(packed.sequenceTokens(b), tokens.length - 1);
      inputs += tokens.length - 1;
      seen.push(...tokens);
      // Between two starts is one run of one document.
      [0, ...starts].forEach((start, i) => {
        const piece = tokens.subarray(start, starts[i] ?? tokens.length);
        piece.forEach((token, k) => assert.equal(token, piece[0] + k));
        const document = documents[Math.floor(piece[0] / 1000)];
        if (document.length <= capacity) assert.equal(piece.length, document.length);
      });
    }
    assert.equal(packed.tokens, inputs);
    // Pieces of a single token have nothing to predict and are left out.
    const kept = documents.flatMap((document) => {
      const rest = document.length % capacity;
      return rest === 1 ? document.slice(0, -1) : document;
    });
    assert.deepEqual(seen.sort((a, b) => a - b), kept.sort((a, b) => a - b), `trial ${trial}`);
  }
});

Deno.test("best fit wastes little, and equals the algorithm done by hand", () => {
  const lengths = [5, 7, 3, 8, 2, 4];
  const set = setOf("s", lengths.map((length, d) => Array.from({ length }, () => d)));
  const packed = pack(set, options("best_fit", false, 9));
  const blocks = Array.from(
    { length: packed.sequence_count },
    (_, b) => [...new Set(packed.sequence(b).tokens)],
  );
  // 8; 7; 5 and 4 in one; 3 with 7; 2 with 8: the bins in the order in which they were opened.
  assert.deepEqual(blocks, [[3, 4], [1, 2], [0, 5]]);
  const { set: many } = randomSet(0, 3000, 300);
  const large = pack(many, options("best_fit", false, 1023));
  assert.ok(
    large.tokens / (large.sequence_count * 1023) > 0.99,
    `${large.tokens / (large.sequence_count * 1023)}`,
  );
});

Deno.test("packing twice gives the same, and sequences count their labels", () => {
  const { set } = randomSet(7, 200, 30);
  const [one, two] = [0, 1].map(() => pack(set, options("best_fit", true, 31)));
  for (let b = 0; b < one.sequence_count; b++) assert.deepEqual(one.sequence(b), two.sequence(b));
  const unmasked = pack(set, options("best_fit", false, 31)).sequence(0);
  assert.equal(supervisedTokens(unmasked), unmasked.tokens.length - 1);
});
