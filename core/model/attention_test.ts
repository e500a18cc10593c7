import assert from "node:assert/strict";
import { Session, type TensorData } from "../engine/mod.ts";
import {
  add,
  gradients,
  Graph,
  matmul,
  mul,
  softmaxMatmul,
  sum,
  type Value,
} from "../graph/mod.ts";
import { Random } from "../random/mod.ts";
import { blockCount, CausalAttention } from "./attention.ts";

const [B, H, T, E] = [2, 3, 192, 4];

/** The definition: the whole matrix of scores, and a mask. */
function plain(q: Value, k: Value, v: Value): Value {
  const mask = Float32Array.from(
    { length: T * T },
    (_, i) => i % T > Math.floor(i / T) ? -1e30 : 0,
  );
  const scores = matmul(q, k, { trans_b: true, alpha: 1 / Math.sqrt(E) });
  return softmaxMatmul(add(scores, q.graph.constant(mask, [T, T])), v);
}

function inBlocks(q: Value, k: Value, v: Value): Value {
  return new CausalAttention(q.graph, T).apply(q, k, v);
}

async function evaluate(attention: (q: Value, k: Value, v: Value) => Value) {
  const graph = new Graph();
  const inputs = ["q", "k", "v"].map((name) => graph.input(name, "float32", [B, H, T, E]));
  const output = attention(inputs[0], inputs[1], inputs[2]);
  const random = (name: string) =>
    new Random(1, name, 0).fillNormal(new Float32Array(B * H * T * E));
  const loss = sum(mul(output, graph.constant(random("weights"), [B, H, T, E])));
  graph.output("output", output);
  gradients(loss, inputs).forEach((grad, i) => graph.output(`d_${inputs[i].name}`, grad));
  const session = await Session.create(graph, { threads: 1 });
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, random(name)]));
  return await session.run(feeds) as Record<string, TensorData & Float32Array>;
}

Deno.test("attention in blocks equals its definition, gradients included", async () => {
  assert.equal(blockCount(T), 3);
  const [blocks, whole] = [await evaluate(inBlocks), await evaluate(plain)];
  assert.deepEqual(Object.keys(blocks), ["output", "d_q", "d_k", "d_v"]);
  for (const [name, values] of Object.entries(blocks)) {
    const error = values.reduce((max, x, i) => Math.max(max, Math.abs(x - whole[name][i])), 0);
    assert.ok(error < 1e-5, `${name} differs by ${error}`);
  }
});

Deno.test("lengths are cut into equal blocks, short and prime ones not at all", () => {
  assert.deepEqual([7, 64, 128, 130, 192, 256, 257, 512].map(blockCount), [1, 1, 2, 2, 3, 4, 1, 4]);
});
