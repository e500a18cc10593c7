import assert from "node:assert/strict";
import { philox4x32 } from "./philox.ts";
import { Random } from "./mod.ts";

Deno.test("Philox-4x32-10 gives the known answers of Random123", () => {
  // From kat_vectors of the Random123 distribution: counter, key, expected.
  const known = [
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    ],
  ] as const;
  const out = new Uint32Array(4);
  for (const [counter, key, expected] of known) {
    philox4x32(out, counter, key);
    assert.equal([...out].map((w) => w.toString(16).padStart(8, "0")).join(" "), expected);
  }
});

Deno.test("streams depend only on seed, phase and step", () => {
  const first = (seed: number, phase: string, step: number) => {
    const random = new Random(seed, phase, step);
    return Array.from({ length: 6 }, () => random.uint32()).join();
  };
  assert.equal(first(1, "a", 2), first(1, "a", 2));
  const names: [number, string, number][] = [
    [1, "a", 2],
    [2, "a", 2],
    [1, "b", 2],
    [1, "a", 3],
    [1 + 2 ** 32, "a", 2],
    [1, "a\u0100", 2],
  ];
  assert.equal(new Set(names.map((name) => first(...name))).size, names.length);
});

Deno.test("uniform numbers lie in [0, 1) with the right moments", () => {
  const random = new Random(7, "uniform", 0);
  const n = 100_000;
  let sum = 0, squares = 0;
  for (let i = 0; i < n; i++) {
    const u = random.uniform();
    assert.ok(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
  }
  // Five standard errors: sqrt(1/12 n) of the mean, sqrt(4/45 n) of the second moment.
  assert.ok(Math.abs(sum / n - 1 / 2) < 5 * Math.sqrt(1 / 12 / n));
  assert.ok(Math.abs(squares / n - 1 / 3) < 5 * Math.sqrt(4 / 45 / n));
});

Deno.test("normal numbers have the moments of the normal distribution", () => {
  const n = 100_000, std = 0.02;
  const values = new Random(7, "normal", 0).fillNormal(new Float32Array(n), std);
  const moment = (k: number) => values.reduce((sum, x) => sum + (x / std) ** k, 0) / n;
  assert.ok(Math.abs(moment(1)) < 5 * Math.sqrt(1 / n));
  assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / n));
  assert.ok(Math.abs(moment(3)) < 5 * Math.sqrt(15 / n));
  assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / n));
});

Deno.test("below is uniform, and covers its whole range", () => {
  const random = new Random(3, "below", 0), n = 70_000;
  const counts = new Array(7).fill(0);
  for (let i = 0; i < n; i++) counts[random.below(7)]++;
  const chiSquare = counts.reduce((sum, c) => sum + (c - n / 7) ** 2 / (n / 7), 0);
  assert.ok(chiSquare < 22.46, `chi-square ${chiSquare} on 6 degrees of freedom`); // p = 0.001
  assert.equal(random.below(1), 0);
  assert.ok(random.below(2 ** 32) < 2 ** 32);
});

Deno.test("shuffle keeps the items and reaches every order", () => {
  const orders = new Map<string, number>();
  for (let step = 0; step < 6000; step++) {
    const order = new Random(0, "shuffle", step).shuffle(["a", "b", "c"]).join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  assert.equal(orders.size, 6);
  const chiSquare = [...orders.values()].reduce((sum, c) => sum + (c - 1000) ** 2 / 1000, 0);
  assert.ok(chiSquare < 20.52, `chi-square ${chiSquare} on 5 degrees of freedom`); // p = 0.001
});

Deno.test("seeds, steps and bounds out of range are rejected", () => {
  assert.throws(() => new Random(-1, "a", 0), /seed -1/);
  assert.throws(() => new Random(0.5, "a", 0), /seed 0.5/);
  assert.throws(() => new Random(0, "a", 2 ** 32), /step 4294967296/);
  assert.throws(() => new Random(0, "a", 0).below(0), /below\(0\)/);
});
