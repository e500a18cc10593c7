import assert from "node:assert/strict";
import { PairTable, WordTable } from "./hash_tables.ts";

const encoder = new TextEncoder();

function add(table: WordTable, word: string): number {
  const bytes = encoder.encode(`<${word}>`);
  return table.add(bytes, 1, bytes.length - 1);
}

Deno.test("numbers short and long words in order of first occurrence while the table grows", () => {
  const table = new WordTable();
  const words = Array.from({ length: 20_000 }, (_, i) => `w${i}`.padEnd(i % 14, "x"));
  for (let pass = 0; pass < 2; pass++) {
    for (const [i, word] of words.entries()) assert.equal(add(table, word), i);
  }
  assert.equal(table.size, 20_000);
  const { bytes, starts } = table;
  assert.equal(new TextDecoder().decode(bytes.subarray(starts[777], starts[778])), words[777]);
});

Deno.test("distinguishes words that differ only in zero bytes or length", () => {
  const table = new WordTable();
  const words = ["a", "a\0", "\0a", "a\0\0\0", "a\0\0\0\0", "\0", "\0\0", "abcdefgh", "abcdefgh\0"];
  assert.deepEqual(words.map((word) => add(table, word)), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(words.map((word) => add(table, word)), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("a cleared table is empty", () => {
  const table = new WordTable();
  for (const word of ["one", "two", "a longer word"]) add(table, word);
  table.clear();
  assert.equal(table.size, 0);
  assert.equal(table.byte_length, 0);
  assert.equal(add(table, "a longer word"), 0);
  assert.equal(add(table, "two"), 1);
});

Deno.test("numbers pairs in the order in which they are first added while the table grows", () => {
  const table = new PairTable(1);
  const pairs = Array.from({ length: 5000 }, (_, i) => [i % 71, 70_000 + i * 13 % 997] as const);
  const keys = [...new Set(pairs.map(String))];
  for (const pair of pairs) assert.equal(table.add(...pair), keys.indexOf(String(pair)));
  assert.equal(table.size, keys.length);
  for (const pair of pairs) assert.equal(table.find(...pair), keys.indexOf(String(pair)));
  assert.equal(table.find(70_000, 0), -1);
});
