import assert from "node:assert/strict";
import { permute, Random } from "./mod.ts";

const order = (size: number, seed: number, phase: string, round: number) =>
  Array.from({ length: size }, (_, i) => permute(i, size, seed, phase, round));

Deno.test("permute is a bijection for any size, seed, phase and round", () => {
  const random = new Random(0, "property", 0);
  const sizes = [...Array.from({ length: 40 }, (_, i) => i + 1), 255, 256, 257, 4099];
  for (const size of sizes) {
    const seen = new Set(order(size, random.uint32(), `p${size}`, random.below(1000)));
    assert.equal(seen.size, size, `size ${size}`);
    assert.ok(Math.min(...seen) === 0 && Math.max(...seen) === size - 1, `size ${size}`);
  }
});

Deno.test("every order of four items is about equally likely", () => {
  const counts = new Map<string, number>(), n = 12_000;
  for (let round = 0; round < n; round++) {
    const key = order(4, 5, "orders", round).join("");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  const chiSquare = [...counts.values()].reduce((s, c) => s + (c - n / 24) ** 2 / (n / 24), 0);
  assert.ok(chiSquare < 49.73, `chi-square ${chiSquare} on 23 degrees of freedom`); // p = 0.001
});

Deno.test("every item is about equally likely at every place", () => {
  const size = 13, n = 6500, counts = new Float64Array(size * size);
  for (let round = 0; round < n; round++) {
    order(size, 5, "places", round).forEach((value, place) => counts[place * size + value]++);
  }
  const expected = n / size;
  const chiSquare = counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
  assert.ok(chiSquare < 201, `chi-square ${chiSquare} on 144 degrees of freedom`); // p = 0.001
});

Deno.test("neighbours do not stay neighbours, and large sizes work", () => {
  const size = 1000, places = order(size, 1, "neighbours", 0);
  const adjacent = places.filter((p, i) => i > 0 && Math.abs(p - places[i - 1]) === 1).length;
  assert.ok(adjacent < 12, `${adjacent} adjacent pairs; 2 are expected by chance`);
  const large = [0, 1, 2 ** 52 - 1].map((i) => permute(i, 2 ** 52, 1, "large", 0));
  assert.equal(new Set(large).size, 3);
  assert.ok(large.every((value) => value >= 0 && value < 2 ** 52));
});

Deno.test("the round, the seed and the phase change the order", () => {
  const orders = [
    order(50, 1, "a", 0),
    order(50, 1, "a", 1),
    order(50, 2, "a", 0),
    order(50, 1, "b", 0),
    order(50, 1 + 2 ** 32, "a", 0),
  ];
  assert.equal(new Set(orders.map(String)).size, orders.length);
});

Deno.test("arguments out of range are rejected", () => {
  assert.throws(() => permute(0, 0, 0, "a", 0), /size 0/);
  assert.throws(() => permute(5, 5, 0, "a", 0), /index 5/);
  assert.throws(() => permute(0, 5, 0, "a", -1), /round -1/);
});
