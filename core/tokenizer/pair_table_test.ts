import assert from "node:assert/strict";
import { PairTable } from "./pair_table.ts";

Deno.test("numbers pairs in the order in which they are first added, while it grows", () => {
  const table = new PairTable(1);
  const pairs = Array.from({ length: 5000 }, (_, i) => [i % 71, 70_000 + i * 13 % 997] as const);
  const keys = [...new Set(pairs.map(String))];
  for (const pair of pairs) assert.equal(table.add(...pair), keys.indexOf(String(pair)));
  assert.equal(table.size, keys.length);
  for (const pair of pairs) assert.equal(table.find(...pair), keys.indexOf(String(pair)));
  assert.equal(table.find(70_000, 0), -1);
});
