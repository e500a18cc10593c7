import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import {
  CkaAccumulator,
  type CkaEstimator,
  type CrossProduct,
  crossProduct,
  meanRows,
} from "./mod.ts";

const ESTIMATORS: readonly CkaEstimator[] = ["biased", "unbiased"];

type States = Record<string, { width: number; values: ArrayLike<number> }[]>;

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

const features = (rows: number, width: number, name: string) =>
  new Random(0, name, 0).fillNormal(new Float32Array(rows * width));

async function readGolden(name: string) {
  const url = new URL(`../../tests/fixtures/cka/${name}.json`, import.meta.url);
  return JSON.parse(await Deno.readTextFile(url));
}

/** Adds all rows in batches of the given size. */
async function addInBatches(
  cka: CkaAccumulator,
  states: States,
  rows: number,
  size: number,
) {
  for (let start = 0; start < rows; start += size) {
    const end = Math.min(rows, start + size);
    await cka.add(batchOf(states, start, end), end - start);
  }
}

/** Rows start to end of all layers. */
function batchOf(states: States, start: number, end: number) {
  return Object.fromEntries(
    Object.entries(states).map(([name, layers]) => [
      name,
      layers.map(({ width, values }) =>
        Float32Array.from(values).subarray(start * width, end * width)
      ),
    ]),
  );
}

function shapesOf(states: States) {
  return Object.entries(states).map(([name, layers]) => {
    return { name, layers: layers.length, width: layers[0].width };
  });
}

type Expected = { a: string; b: string; values: number[] }[];

function assertPairs(expected: Expected, result: (a: string, b: string) => Float64Array) {
  for (const { a, b, values } of expected) {
    const actual = result(a, b);
    assert.equal(actual.length, values.length);
    actual.forEach((value, i) => nearby(value, values[i]));
  }
}

/** Equal to 1e-6 of the expected, or of 0.1 where that is smaller. */
function nearby(actual: number, expected: number) {
  if (Number.isNaN(expected)) return assert.ok(Number.isNaN(actual), `${actual} is not NaN`);
  near(actual, expected, 1e-6 * Math.max(0.1, Math.abs(expected)));
}

/** CKA of two single-layer models. */
async function ckaOf(
  x: Float32Array,
  y: Float32Array,
  rows: number,
  cross?: CrossProduct,
  estimator?: CkaEstimator,
) {
  const states = {
    x: [{ width: x.length / rows, values: x }],
    y: [{ width: y.length / rows, values: y }],
  };
  const cka = new CkaAccumulator({
    states: Object.entries(states).map(([name, [{ width }]]) => ({ name, layers: 1, width })),
    crossProduct: cross,
    estimator,
  });
  await addInBatches(cka, states, rows, 17);
  return cka.result("x", "y")[0];
}

Deno.test("CKA agrees with NumPy's for any batch size", async () => {
  for (const name of ["golden", "few_rows"]) {
    const golden = await readGolden(name);
    for (const [estimator, values] of [["biased", golden.cka], ["unbiased", golden.unbiased]]) {
      for (const size of [golden.rows, 7, 1]) {
        const cka = new CkaAccumulator({ states: shapesOf(golden.states), estimator });
        await addInBatches(cka, golden.states, golden.rows, size);
        assert.equal(cka.rows, golden.rows);
        assertPairs(values, (a, b) => cka.result(a, b));
      }
    }
  }
});

Deno.test("intervals agree with NumPy's jackknife, and exist only for layers of the same index", async () => {
  for (const name of ["golden", "few_rows"]) {
    const golden = await readGolden(name), { groups } = golden;
    for (
      const [estimator, values, intervals] of [
        ["biased", golden.cka, golden.intervals],
        ["unbiased", golden.unbiased, golden.unbiased_intervals],
      ]
    ) {
      const cka = new CkaAccumulator({ states: shapesOf(golden.states), estimator, groups });
      for (let row = 0; row < golden.rows; row++) {
        await cka.add(batchOf(golden.states, row, row + 1), 1, row % groups);
      }
      assertPairs(values, (a, b) => cka.result(a, b));
      for (const { a, b, values } of intervals) {
        const columns = golden.states[b].length;
        cka.interval(a, b).forEach(({ ci_low, ci_high }, i) => {
          const [x, y] = [Math.floor(i / columns), i % columns];
          const last = x === golden.states[a].length - 1 && y === columns - 1;
          if (x !== y && !last) return assert.deepEqual([ci_low, ci_high], [null, null]);
          nearby(ci_low!, values[i][0]);
          nearby(ci_high!, values[i][1]);
        });
      }
    }
  }
});

Deno.test("CKA of one row per text agrees with NumPy's, and padding does not count", async () => {
  const { lengths, states, document_mean, padding_included } = await readGolden("pooled");
  const pooled = (lengths: number[]) =>
    Object.fromEntries(
      Object.entries(states as States).map(([name, layers]) => [
        name,
        layers.map(({ width, values }) => meanRows(Float32Array.from(values), lengths, width)),
      ]),
    );
  const of = async (lengths: number[]) => {
    const cka = new CkaAccumulator({ states: shapesOf(states) });
    await cka.add(pooled(lengths), lengths.length);
    return cka.result("a", "b");
  };
  const check = (actual: Float64Array, expected: number[]) =>
    actual.forEach((value, i) => near(value, expected[i], 1e-12));
  check(await of(lengths), document_mean);
  const longest = states.a[0].values.length / states.a[0].width / lengths.length;
  check(await of(lengths.map(() => longest)), padding_included);
  assert.ok(
    document_mean.every((value: number, i: number) => Math.abs(value - padding_included[i]) > 0.01),
  );
});

for (const estimator of ESTIMATORS) {
  const of = (x: Float32Array, y: Float32Array, rows: number) =>
    ckaOf(x, y, rows, undefined, estimator);

  Deno.test(`${estimator}: a representation equals itself rotated, scaled or shifted, and differs from noise`, async () => {
    const rows = 400, x = features(rows, 3, "x");
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const moved = x.map((value, i) => {
      const [p, q] = [x[i - i % 3], x[i - i % 3 + 1]];
      const rotated = i % 3 === 0 ? c * p - s * q : i % 3 === 1 ? s * p + c * q : value;
      return 2.5 * rotated + 4;
    });
    near(await of(x, x, rows), 1, 1e-12);
    near(await of(x, moved, rows), 1, 1e-5);
    // CKA is not invariant to anisotropic scaling; independent features have CKA of order width / rows.
    const stretched = x.map((value, i) => i % 3 === 0 ? 20 * value : value);
    assert.ok(await of(x, stretched, rows) < 0.8);
    assert.ok(await of(x, features(rows, 3, "noise"), rows) < 0.1);
  });

  Deno.test(`${estimator}: the order of rows does not matter if it is the same for both`, async () => {
    const rows = 40, x = features(rows, 3, "order x");
    const y = features(rows, 2, "order y").map((v, i) => v + x[Math.floor(i / 2) * 3]);
    const turned = (values: Float32Array, width: number) =>
      values.map((_, i) => values[(rows - 1 - Math.floor(i / width)) * width + i % width]);
    const value = await of(x, y, rows);
    near(await of(turned(x, 3), turned(y, 2), rows), value, 1e-6);
    assert.ok(Math.abs(await of(turned(x, 3), y, rows) - value) > 0.1);
  });

  Deno.test(`${estimator}: constant features give 0, never NaN`, async () => {
    const rows = 50, x = features(rows, 3, "x");
    for (const value of [0.1, -1234.567, 0]) {
      const constant = new Float32Array(rows * 2).fill(value);
      assert.equal(await of(x, constant, rows), 0);
      assert.equal(await of(constant, constant, rows), 0);
    }
  });
}

Deno.test("with fewer rows than features the biased estimate of noise is high, the unbiased around 0", async () => {
  const rows = 20, width = 60;
  const draws = await Promise.all(Array.from({ length: 30 }, (_, i) => {
    const x = features(rows, width, `noise ${i}`), y = features(rows, width, `other ${i}`);
    return Promise.all(ESTIMATORS.map((estimator) => ckaOf(x, y, rows, undefined, estimator)));
  }));
  assert.ok(draws.every(([biased]) => biased > 0.6));
  const unbiased = draws.map(([, value]) => value);
  assert.ok(Math.abs(unbiased.reduce((sum, value) => sum + value) / unbiased.length) < 0.03);
  assert.ok(unbiased.some((value) => value < 0));
});

Deno.test("most intervals contain the value of many rows", async () => {
  const groups = 10, rows = 200, width = 4;
  // y is x and noise in equal parts, so CKA of infinitely many rows is 1/2.
  let held = 0;
  for (let draw = 0; draw < 200; draw++) {
    const x = features(rows, width, `x ${draw}`), noise = features(rows, width, `y ${draw}`);
    const y = x.map((value, i) => i % width < width / 2 ? value : noise[i]);
    const states = { x: [{ width, values: x }], y: [{ width, values: y }] };
    const cka = new CkaAccumulator({ states: shapesOf(states), estimator: "unbiased", groups });
    const size = rows / groups;
    for (let group = 0; group < groups; group++) {
      await cka.add(batchOf(states, group * size, (group + 1) * size), size, group);
    }
    const [{ ci_low, ci_high }] = cka.interval("x", "y");
    if (ci_low! <= 0.5 && 0.5 <= ci_high!) held++;
  }
  assert.ok(held >= 180 && held < 200, `${held} of 200 intervals of 95% hold the value`);
});

Deno.test("features far from zero keep their digits in float32 products", async () => {
  const rows = 300, x = features(rows, 4, "offset"), y = features(rows, 4, "offset y");
  const float32Product: CrossProduct = (a, b, n) => Float32Array.from(crossProduct(a, b, n));
  // 2^12 leaves 11 bits for the values, so both sides use the same rounded ones.
  const far = x.map((value) => Math.fround(value + 4096));
  const close = far.map((value) => value - 4096);
  near(await ckaOf(far, y, rows, float32Product), await ckaOf(close, y, rows), 1e-6);
});

Deno.test("each requested pair of states is computed once, and no other", async () => {
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
  assert.throws(() => some.result("a", "c"), /"a" and "c" were not compared/);
});

Deno.test("features of the wrong shape, and NaN, give an error", async () => {
  const states = [{ name: "a", layers: 2, width: 3 }];
  const make = () => new CkaAccumulator({ states });
  await assert.rejects(make().add({}, 1), /state "a" has 2 layers, got features of 0/);
  const short = [new Float32Array(3), new Float32Array(2)];
  await assert.rejects(
    make().add({ a: short }, 1),
    /layer 1 of state "a" has 2 values, expected 1 row of 3/,
  );
  const broken = [new Float32Array(3), Float32Array.of(1, NaN, 0)];
  await assert.rejects(
    make().add({ a: broken }, 1),
    /layer 1 of state "a" contains NaN/,
  );
  assert.throws(() => make().result("a", "a"), /biased CKA needs at least 2 rows/);
  const few = new CkaAccumulator({ states, estimator: "unbiased", groups: 2 });
  const row = { a: [Float32Array.of(1, 2, 3), Float32Array.of(3, 2, 1)] };
  for (const group of [0, 0, 0, 0]) await few.add(row, 1, group);
  assert.throws(() => few.interval("a", "a"), /group 1 has no rows/);
  await few.add(row, 1, 1);
  assert.throws(
    () => few.interval("a", "a"),
    /unbiased CKA needs at least 4 rows of features, got 1 without/,
  );
  await assert.rejects(few.add(row, 1, 2), /unknown group 2; groups are 0 to 1/);
  assert.throws(
    () => new CkaAccumulator({ states, groups: 1 }),
    /groups must be at least 2, .* got 1/,
  );
  assert.throws(
    () => new CkaAccumulator({ states: [...states, ...states] }),
    /duplicate state name "a"/,
  );
  assert.throws(() => new CkaAccumulator({ states, pairs: [["a", "z"]] }), /unknown state "z"/);
});

/** A product in float32, as matrix units compute it: Infinity above 3e38. */
const float32Product: CrossProduct = (x, y, rows) => Float32Array.from(crossProduct(x, y, rows));

Deno.test("CKA has the same bits for features of any magnitude", async () => {
  const [x, y] = [features(60, 5, "x"), features(60, 3, "y")];
  y.forEach((_, i) => y[i] += x[5 * Math.floor(i / 3) + i % 3]);
  const times = (values: Float32Array, factor: number) => values.map((value) => value * factor);
  for (const estimator of ESTIMATORS) {
    const plain = await ckaOf(x, y, 60, float32Product, estimator);
    assert.ok(plain > 0.2 && plain < 0.9, `${plain}`);
    for (const exponent of [34, 100, -60]) {
      const scaled = await ckaOf(times(x, 2 ** exponent), y, 60, float32Product, estimator);
      assert.equal(scaled, plain, `${estimator}, 2^${exponent}`);
    }
    near(await ckaOf(times(x, 1e10), times(y, 1e30), 60, float32Product, estimator), plain, 1e-6);
  }
});

Deno.test("batches of very different magnitudes agree with float64", async () => {
  const [x, y] = [features(68, 4, "x"), features(68, 4, "y")];
  // Batches are of 17 rows: the first is all equal, the second tiny, the last huge.
  const grow = (values: Float32Array) =>
    values.map((value, i) => {
      const batch = Math.floor(i / (17 * 4));
      return batch === 0 ? 1 : value * [0, 1e-6, 1, 1e15][batch];
    });
  const [gx, gy] = [grow(x), grow(y)];
  const float64 = (values: Float32Array) => Float64Array.from(values, (v) => v / 1e15);
  for (const estimator of ESTIMATORS) {
    const expected = directCka(float64(gx), float64(gy), 68, estimator);
    near(await ckaOf(gx, gy, 68, float32Product, estimator), expected, 1e-5);
  }
});

/** CKA from the Gram matrices, as in the papers, in float64. */
function directCka(x: Float64Array, y: Float64Array, n: number, estimator: CkaEstimator): number {
  const gram = (values: Float64Array) => {
    const width = values.length / n;
    const means = Array.from({ length: width }, (_, j) => {
      let total = 0;
      for (let i = 0; i < n; i++) total += values[i * width + j];
      return total / n;
    });
    const centered = values.map((value, i) => value - means[i % width]);
    return (i: number, j: number) => {
      if (estimator === "unbiased" && i === j) return 0;
      let sum = 0;
      for (let k = 0; k < width; k++) sum += centered[i * width + k] * centered[j * width + k];
      return sum;
    };
  };
  const hsic = (k: (i: number, j: number) => number, l: (i: number, j: number) => number) => {
    let trace = 0, all_k = 0, all_l = 0, both = 0;
    for (let i = 0; i < n; i++) {
      let row_k = 0, row_l = 0;
      for (let j = 0; j < n; j++) {
        trace += k(i, j) * l(i, j);
        row_k += k(i, j);
        row_l += l(i, j);
      }
      all_k += row_k;
      all_l += row_l;
      both += row_k * row_l;
    }
    if (estimator === "biased") return trace;
    return trace + all_k * all_l / ((n - 1) * (n - 2)) - 2 / (n - 2) * both;
  };
  const [k, l] = [gram(x), gram(y)];
  return hsic(k, l) / Math.sqrt(hsic(k, k) * hsic(l, l));
}
