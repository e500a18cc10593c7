import assert from "node:assert/strict";
import { add, Graph, matmul, sum } from "../graph/mod.ts";
import { compile, CrossProducts } from "./mod.ts";

function plusOne() {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 2]);
  graph.output("y", add(x, 1));
  graph.output("total", sum(x));
  return graph;
}

Deno.test("outputs are new arrays, or the arrays passed in", async () => {
  const session = await compile(plusOne());
  const x = Float32Array.of(1, 2, 3, 4);
  const first = await session.run({ x });
  assert.deepEqual([...first.y], [2, 3, 4, 5]);
  assert.deepEqual([...first.total], [10]);
  const y = new Float32Array(4);
  const second = await session.run({ x }, { y });
  assert.equal(second.y, y);
  assert.deepEqual([...y], [2, 3, 4, 5]);
  assert.notEqual(first.y, second.y);
  await session.release();
});

Deno.test("views of a larger buffer are read and written in place", async () => {
  const session = await compile(plusOne(), { threads: 1 });
  const memory = Float32Array.from({ length: 12 }, (_, i) => i);
  await session.run({ x: memory.subarray(1, 5) }, { y: memory.subarray(6, 10) });
  assert.deepEqual([...memory], [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 10, 11]);
  await session.release();
});

Deno.test("wrong feeds are rejected before anything runs", async () => {
  const session = await compile(plusOne(), { threads: 1 });
  await assert.rejects(() => session.run({}), /input "x" is not fed/);
  await assert.rejects(
    () => session.run({ x: new Float32Array(3) }),
    /"x" must be float32 of shape \[2, 2\], got a Float32Array of 3 elements/,
  );
  await assert.rejects(() => session.run({ x: new Int32Array(4) }), /got a Int32Array/);
  await session.release();
  await assert.rejects(() => session.run({ x: new Float32Array(4) }), /released/);
});

Deno.test("a missing kernel is named", async () => {
  const graph = new Graph();
  const x = graph.input("x", "int32", [2]);
  graph.output("y", graph.apply("sqrt", [x], {})[0]);
  await assert.rejects(() => compile(graph), /Sqrt/);
});

Deno.test("sessions of different thread counts agree, side by side", async () => {
  const graph = new Graph();
  const a = graph.input("a", "float32", [64, 96]);
  graph.output("product", matmul(a, a, { trans_b: true }));
  const data = Float32Array.from({ length: 64 * 96 }, (_, i) => Math.sin(i));
  const sessions = await Promise.all(
    [0, 1, 3].map((threads) => compile(graph, { threads })),
  );
  const [all, one, three] = await Promise.all(
    sessions.map(async (session) => (await session.run({ a: data })).product as Float32Array),
  );
  const difference = (x: Float32Array, y: Float32Array) =>
    x.reduce((max, value, i) => Math.max(max, Math.abs(value - y[i])), 0);
  assert.ok(difference(all, one) < 1e-4 && difference(all, three) < 1e-4);
  for (const session of sessions) await session.release();
});

Deno.test("cross products are X\u1d40Y", async () => {
  const products = new CrossProducts({ threads: 1 });
  const x = Float32Array.of(1, 2, 3, 4, 5, 6), y = Float32Array.of(1, 0, 2);
  assert.deepEqual([...await products.compute(x, y, 3)], [11, 14]);
  await products.release();
});
