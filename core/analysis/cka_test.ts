import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { CkaAccumulator, type CrossProduct, crossProduct } from "./mod.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

const features = (rows: number, width: number, name: string) =>
  new Random(0, name, 0).fillNormal(new Float32Array(rows * width));

/** Adds all rows in batches of the given size. */
async function addInBatches(
  cka: CkaAccumulator,
  states: Record<string, { width: number; values: ArrayLike<number> }[]>,
  rows: number,
  size: number,
) {
  for (let start = 0; start < rows; start += size) {
    const end = Math.min(rows, start + size);
    const batch = Object.fromEntries(
      Object.entries(states).map(([name, layers]) => [
        name,
        layers.map(({ width, values }) =>
          Float32Array.from(values).subarray(start * width, end * width)
        ),
      ]),
    );
    await cka.add(batch, end - start);
  }
}

/** CKA of two single-layer models. */
async function ckaOf(x: Float32Array, y: Float32Array, rows: number, cross?: CrossProduct) {
  const states = {
    x: [{ width: x.length / rows, values: x }],
    y: [{ width: y.length / rows, values: y }],
  };
  const cka = new CkaAccumulator({
    states: Object.entries(states).map(([name, [{ width }]]) => ({ name, layers: 1, width })),
    crossProduct: cross,
  });
  await addInBatches(cka, states, rows, 17);
  return cka.result("x", "y")[0];
}

Deno.test("CKA agrees with NumPy's, however the rows are batched", async () => {
  const golden = JSON.parse(
    await Deno.readTextFile(new URL("../../tests/fixtures/cka/golden.json", import.meta.url)),
  );
  for (const size of [golden.rows, 7, 1]) {
    const cka = new CkaAccumulator({
      states: ["a", "b"].map((name) => ({
        name,
        layers: golden.states[name].length,
        width: golden.states[name][0].width,
      })),
    });
    await addInBatches(cka, golden.states, golden.rows, size);
    assert.equal(cka.rows, golden.rows);
    for (const { a, b, values } of golden.cka) {
      const result = cka.result(a, b);
      assert.equal(result.length, values.length);
      result.forEach((value, i) => near(value, values[i], 1e-6));
    }
  }
});

Deno.test("a representation is equal to itself, rotated, scaled or shifted, and unlike noise", async () => {
  const rows = 400, x = features(rows, 3, "x");
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const moved = x.map((value, i) => {
    const [p, q] = [x[i - i % 3], x[i - i % 3 + 1]];
    const rotated = i % 3 === 0 ? c * p - s * q : i % 3 === 1 ? s * p + c * q : value;
    return 2.5 * rotated + 4;
  });
  near(await ckaOf(x, x, rows), 1, 1e-12);
  near(await ckaOf(x, moved, rows), 1, 1e-5);
  // Anisotropic scaling is no symmetry, and independent features have CKA of order width / rows.
  const stretched = x.map((value, i) => i % 3 === 0 ? 20 * value : value);
  assert.ok(await ckaOf(x, stretched, rows) < 0.8);
  assert.ok(await ckaOf(x, features(rows, 3, "noise"), rows) < 0.1);
});

Deno.test("features far from zero keep their digits in float32 products", async () => {
  const rows = 300, x = features(rows, 4, "offset"), y = features(rows, 4, "offset y");
  const float32Product: CrossProduct = (a, b, n) => Float32Array.from(crossProduct(a, b, n));
  // 2^12 leaves 11 bits for the values, so both sides use the same rounded ones.
  const far = x.map((value) => Math.fround(value + 4096));
  const close = far.map((value) => value - 4096);
  near(await ckaOf(far, y, rows, float32Product), await ckaOf(close, y, rows), 1e-6);
});

Deno.test("constant features give 0, never NaN", async () => {
  const rows = 50, x = features(rows, 3, "x");
  const constant = new Float32Array(rows * 2).fill(0.1);
  assert.equal(await ckaOf(x, constant, rows), 0);
  assert.equal(await ckaOf(constant, constant, rows), 0);
});

Deno.test("pairs of states are computed once, and only those asked for", async () => {
  let calls = 0;
  const counted: CrossProduct = (x, y, rows) => {
    calls++;
    return crossProduct(x, y, rows);
  };
  const states = ["a", "b", "c"].map((name) => ({ name, layers: 2, width: 3 }));
  const data = Object.fromEntries(
    states.map(({ name }) => [name, [features(20, 3, name), features(20, 3, `${name}1`)]]),
  );
  const all = new CkaAccumulator({ states, crossProduct: counted });
  await all.add(data, 20);
  assert.equal(calls, 21); // 6 layers: 6 · 7 / 2 pairs
  const ab = all.result("a", "b"), ba = all.result("b", "a");
  assert.deepEqual([ba[0], ba[1], ba[2], ba[3]], [ab[0], ab[2], ab[1], ab[3]]);
  near(all.result("c", "c")[0], 1, 1e-12);

  calls = 0;
  const some = new CkaAccumulator({
    states,
    pairs: [["a", "b"], ["b", "a"]],
    crossProduct: counted,
  });
  await some.add(data, 20);
  assert.equal(calls, 10); // 6 own terms and 2 · 2 pairs
  assert.deepEqual(some.result("a", "b"), ab);
  assert.throws(() => some.result("a", "c"), /"a" and "c" were not accumulated together/);
});

Deno.test("features that do not fit are refused", async () => {
  const states = [{ name: "a", layers: 2, width: 3 }];
  const make = () => new CkaAccumulator({ states });
  await assert.rejects(make().add({}, 1), /state "a" has 2 layers, but features of 0/);
  const short = [new Float32Array(3), new Float32Array(2)];
  await assert.rejects(
    make().add({ a: short }, 1),
    /layer 1 of state "a" has 2 values; 1 rows of 3/,
  );
  const broken = [new Float32Array(3), Float32Array.of(1, NaN, 0)];
  await assert.rejects(
    make().add({ a: broken }, 1),
    /layer 1 of state "a" holds values that are NaN/,
  );
  assert.throws(() => make().result("a", "a"), /at least 2 rows/);
  assert.throws(() => new CkaAccumulator({ states: [...states, ...states] }), /two states/);
  assert.throws(() => new CkaAccumulator({ states, pairs: [["a", "z"]] }), /no state is named "z"/);
});
