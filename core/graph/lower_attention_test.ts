import assert from "node:assert/strict";
import { Session } from "../engine/mod.ts";
import { Random } from "../random/mod.ts";
import {
  add,
  blockCount,
  causalAttention,
  gradients,
  Graph,
  matmul,
  mul,
  softmax,
  sum,
  transpose,
  type Value,
} from "./mod.ts";

const [B, T, H, E] = [2, 192, 3, 4];

/** The definition: the whole matrix of scores, and a mask. */
function plain(...inputs: [Value, Value, Value]): Value {
  const [q, k, v] = inputs.map((x) => transpose(x, [0, 2, 1, 3]));
  const mask = Float32Array.from(
    { length: T * T },
    (_, i) => i % T > Math.floor(i / T) ? -1e30 : 0,
  );
  const scores = matmul(q, k, { trans_b: true, alpha: 1 / Math.sqrt(E) });
  const probabilities = softmax(add(scores, q.graph.constant(mask, [T, T])));
  return transpose(matmul(probabilities, v), [0, 2, 1, 3]);
}

async function evaluate(attention: (q: Value, k: Value, v: Value) => Value) {
  const graph = new Graph();
  const [q, k, v] = ["q", "k", "v"].map((name) => graph.input(name, "float32", [B, T, H, E]));
  const output = attention(q, k, v);
  const random = (name: string) =>
    new Random(1, name, 0).fillNormal(new Float32Array(B * H * T * E));
  const loss = sum(mul(output, graph.constant(random("weights"), [B, T, H, E])));
  graph.output("output", output);
  const inputs = [q, k, v];
  gradients(loss, inputs).forEach((grad, i) => graph.output(`d_${inputs[i].name}`, grad));
  const session = await Session.create(graph, { threads: 1 });
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, random(name)]));
  return await session.run(feeds) as Record<string, Float32Array>;
}

Deno.test("attention in blocks equals its definition, gradients included", async () => {
  assert.equal(blockCount(T), 3);
  const [blocks, whole] = [await evaluate(causalAttention), await evaluate(plain)];
  assert.deepEqual(Object.keys(blocks), ["output", "d_q", "d_k", "d_v"]);
  for (const [name, values] of Object.entries(blocks)) {
    const error = values.reduce((max, x, i) => Math.max(max, Math.abs(x - whole[name][i])), 0);
    assert.ok(error < 1e-5, `${name} differs by ${error}`);
  }
});

Deno.test("lengths are cut into equal blocks, short and prime ones not at all", () => {
  assert.deepEqual([7, 64, 128, 130, 192, 256, 257, 512].map(blockCount), [1, 1, 2, 2, 3, 4, 1, 4]);
});

Deno.test("a second derivative of an op with a gradient of its own is refused", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 2, 1, 2]);
  const [first] = gradients(sum(causalAttention(x, x, x)), [x]);
  assert.throws(() => gradients(sum(first), [x]), /causal_attention_grad has no gradient/);
});
