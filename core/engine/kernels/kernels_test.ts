import assert from "node:assert/strict";
import { adamWTensors } from "../../graph/mod.ts";
import { Random } from "../../random/mod.ts";
import { compile } from "../compile.ts";
import { addTo, sharedFloats, sumOfSquares, updateAdamW } from "./kernels.ts";

/** Lengths around whole vectors of four. */
const LENGTHS = [0, 1, 3, 4, 7, 64, 1001];
const BETA1 = 0.9, BETA2 = 0.95, EPSILON = 1e-8;
const f = Math.fround;

/** The same numbers in memory that kernels read, and in an ordinary array; with subnormal numbers and zeros. */
function numbers(name: string, length: number, deviation = 1): Float32Array[] {
  const plain = new Float32Array(length);
  new Random(1, name, 0).fillNormal(plain, deviation);
  plain.forEach((x, i) => plain[i] = i % 13 === 5 ? 0 : i % 17 === 3 ? x * 1e-40 : x);
  // Behind other data, as pieces of the parameters are.
  const shared = sharedFloats(length + 5).subarray(5);
  shared.set(plain);
  return [plain, shared];
}

function trainingArrays(length: number) {
  const [param, grad, m, root] = ["param", "grad", "m", "root"].map((x) => numbers(x, length));
  const v = root.map((x) => Object.assign(x, x.map((y) => y * y)));
  return [0, 1].map((i) => ({ param: param[i], grad: grad[i], m: m[i], v: v[i] }));
}

Deno.test("AdamW has the bits of its graph, as WebAssembly and in loops", async () => {
  for (const length of LENGTHS.slice(1)) {
    for (const decay of [0, 0.1]) {
      const [loops, wasm] = trainingArrays(length);
      const graph = adamWTensors([{ shape: [length], decays: decay > 0 }], {
        beta1: BETA1,
        beta2: BETA2,
        epsilon: EPSILON,
      });
      const scalars = {
        learning_rate: 3e-4,
        weight_decay: decay,
        clip: 0.37,
        correction1: 1 - BETA1 ** 3,
        correction2: 1 - BETA2 ** 3,
      };
      const session = await compile(graph, { threads: 1 });
      const feeds = Object.entries(scalars).map(([name, x]) => [name, Float32Array.of(x)]);
      const expected = await session.run({
        ...Object.fromEntries(feeds),
        ...Object.fromEntries(Object.entries(loops).map(([name, x]) => [`0.${name}`, x])),
      });
      await session.release();
      // The graph rounds each of its scalars to float32.
      const factors = {
        beta1: BETA1,
        gain1: 1 - BETA1,
        beta2: BETA2,
        gain2: 1 - BETA2,
        clip: scalars.clip,
        step_size: f(scalars.learning_rate) / f(scalars.correction1),
        root2: Math.sqrt(f(scalars.correction2)),
        epsilon: EPSILON,
        keep: f(1 - f(f(scalars.learning_rate) * f(decay))),
      };
      for (const arrays of [loops, wasm]) {
        updateAdamW(arrays, factors);
        for (const name of ["param", "m", "v"] as const) {
          assert.deepEqual(
            Array.from(arrays[name]),
            Array.from(expected[`0.${name}.next`] as Float32Array),
            name,
          );
        }
      }
    }
  }
});

Deno.test("sums of squares and of arrays have the same bits as WebAssembly and in loops", () => {
  for (const length of LENGTHS) {
    const [x, shared_x] = numbers("x", length), [y, shared_y] = numbers("y", length);
    const exact = x.reduce((sum, value) => sum + value * value, 0);
    assert.equal(sumOfSquares(shared_x), sumOfSquares(x));
    assert.ok(Math.abs(sumOfSquares(x) - exact) <= 1e-14 * exact);
    const expected = x.map((value, i) => f(value + y[i]));
    addTo(x, y);
    addTo(shared_x, shared_y);
    assert.deepEqual(Array.from(x), Array.from(expected));
    assert.deepEqual(Array.from(shared_x), Array.from(expected));
  }
});

Deno.test("what is not finite stays so", () => {
  for (const value of [NaN, Infinity]) {
    const [x, shared] = numbers("x", 9);
    x[7] = shared[7] = value;
    assert.ok(!Number.isFinite(sumOfSquares(x)) && !Number.isFinite(sumOfSquares(shared)));
  }
});

Deno.test("neighbours of a piece are left alone", () => {
  const sum = sharedFloats(12).fill(1), x = sharedFloats(12).fill(2);
  addTo(sum.subarray(3, 8), x.subarray(2, 7));
  assert.deepEqual(Array.from(sum), [1, 1, 1, 3, 3, 3, 3, 3, 1, 1, 1, 1]);
});
