/** Shapes with sizes that are known only when the model runs. The exported models of core/export run with them. */
import assert from "node:assert/strict";
import { add, concat, gradients, Graph, lowerToOnnx, matmul, reshape, split, sum } from "./mod.ts";

function inputs() {
  const graph = new Graph();
  const past = graph.input("past", "float32", ["rows", 2, "past", 8]);
  const added = graph.input("added", "float32", ["rows", 2, "new", 8]);
  return { graph, past, added };
}

Deno.test("shape inference keeps names", () => {
  const { past, added } = inputs();
  const all = concat([past, added], 2);
  assert.deepEqual(all.dims, ["rows", 2, "past + new", 8]);
  const scores = matmul(added, all, { trans_b: true });
  assert.deepEqual(scores.dims, ["rows", 2, "new", "past + new"]);
  assert.deepEqual(add(scores, 1).dims, scores.dims);
  assert.deepEqual(reshape(added, ["rows", 1, 2, "new", 8]).dims, ["rows", 1, 2, "new", 8]);
  assert.deepEqual(split(added, 3, 2)[0].dims, ["rows", 2, "new", 4]);
});

Deno.test("different names do not match", () => {
  const { past, added } = inputs();
  assert.throws(() => add(past, added), /add cannot broadcast \[rows, 2, past, 8\] and/);
  assert.throws(() => matmul(past, added), /matmul needs equal inner sizes/);
  assert.throws(() => reshape(added, ["rows", 2, "past", 8]), /reshape needs as many elements/);
  assert.throws(() => split(added, 2, 2), /split needs an axis 2 that is divisible by 2/);
});

Deno.test("sizes without a number are rejected where numbers are needed", () => {
  const { graph, added } = inputs();
  assert.throws(() => added.shape, /the size "rows" in \[rows, 2, new, 8\] is known only when/);
  assert.throws(() => gradients(sum(added), [added]), /the size "rows" in/);
  graph.output("y", reshape(added, ["rows", 2, "new", 2, 4]));
  assert.throws(() => lowerToOnnx(graph), /the size "rows" in/);
  assert.ok(lowerToOnnx(graph, { portable: true }).length > 0);
});

Deno.test("a reshape may move one name, or insert axes", () => {
  const lower = (dims: (string | number)[]) => {
    const { graph, added } = inputs();
    graph.output("y", reshape(added, dims));
    return lowerToOnnx(graph, { portable: true });
  };
  assert.ok(lower(["rows", "new", 16]));
  assert.ok(lower([1, "rows", 2, "new", 1, 8]));
  assert.throws(() => lower([16, "rows", 1, "new"]), /cannot lower a reshape that moves two names/);
});
