import assert from "node:assert/strict";
import { compile } from "../engine/mod.ts";
import { Random } from "../random/mod.ts";
import {
  add,
  blockCount,
  broadcast,
  causalAttention,
  gradients,
  Graph,
  lowerToOnnx,
  matmul,
  mul,
  softmax,
  sum,
  transpose,
  type Value,
} from "./mod.ts";

const [B, T, H, E] = [2, 192, 3, 4];
const WIDTH = H * E;

/** Lengths of the documents of each row; blocks of queries are 64 long. */
const DOCUMENTS = [[64, 1, 70, 57], [30, 162]];

/** [B, T]: where the document of each position starts. */
const document_start = Int32Array.from(DOCUMENTS.flatMap((lengths) => {
  let start = 0;
  return lengths.flatMap((length) => Array<number>(length).fill((start += length) - length));
}));

type Attention = (q: Value, k: Value, v: Value, document_start?: Value) => Value;

const whole: Attention = (q, k, v) => causalAttention(q, k, v);

/** The definition: the whole matrix of scores, and a mask; `seen` says whether position t of row b sees k. */
const plain = (seen: (b: number, t: number, k: number) => boolean): Attention => (...inputs) => {
  const [q, k, v] = [inputs[0], inputs[1], inputs[2]].map((x) => transpose(x, [0, 2, 1, 3]));
  const mask = Float32Array.from({ length: B * T * T }, (_, i) => {
    const [b, t, k] = [Math.floor(i / (T * T)), Math.floor(i / T) % T, i % T];
    return seen(b, t, k) ? 0 : -1e30;
  });
  const scores = matmul(q, k, { trans_b: true, alpha: 1 / Math.sqrt(E) });
  const probabilities = softmax(add(scores, q.graph.constant(mask, [B, 1, T, T])));
  return transpose(matmul(probabilities, v), [0, 2, 1, 3]);
};

const random = (name: string) => new Random(1, name, 0).fillNormal(new Float32Array(B * T * WIDTH));

interface Part {
  rows: number;
  length: number;
  /** Of the positions of the part in those of the batch. */
  start: number;
}

const BATCH: Part = { rows: B, length: T, start: 0 };

/** Output and gradients on a part of the batch, with `key_value_heads` heads of keys and values. */
async function evaluate(
  attention: Attention,
  { rows, length, start }: Part = BATCH,
  key_value_heads = H,
) {
  const graph = new Graph();
  const shape = [rows, length, H, E];
  const part = (name: string) => {
    const width = ["k", "v"].includes(name) ? key_value_heads * E : WIDTH;
    return random(name).subarray(start * width, (start + rows * length) * width);
  };
  const [q, k, v] = ["q", "k", "v"].map((name) =>
    graph.input(name, "float32", name === "q" ? shape : shape.with(2, key_value_heads))
  );
  const output = attention(q, k, v, graph.input("document_start", "int32", [rows, length]));
  const loss = sum(mul(output, graph.constant(part("weights"), shape)));
  graph.output("output", output);
  const inputs = [q, k, v];
  gradients(loss, inputs).forEach((grad, i) => graph.output(`d_${inputs[i].name}`, grad));
  const session = await compile(graph, { threads: 1 });
  const feeds = Object.fromEntries(inputs.map(({ name }) => [name, part(name)]));
  const keys = document_start.subarray(start, start + rows * length);
  const results = await session.run({ ...feeds, document_start: keys });
  await session.release();
  return results as Record<string, Float32Array>;
}

function assertEqual(
  actual: Record<string, Float32Array>,
  expected: Record<string, Float32Array>,
  tolerance = 1e-5,
): void {
  assert.deepEqual(Object.keys(actual), ["output", "d_q", "d_k", "d_v"]);
  for (const [name, values] of Object.entries(actual)) {
    assert.equal(values.length, expected[name].length);
    const error = values.reduce((max, x, i) => Math.max(max, Math.abs(x - expected[name][i])), 0);
    assert.ok(error <= tolerance, `${name} differs by ${error}`);
  }
}

Deno.test("attention in blocks equals its definition, gradients included", async () => {
  assert.equal(blockCount(T), 3);
  assertEqual(await evaluate(whole), await evaluate(plain((_, t, k) => k <= t)));
});

Deno.test("attention from document_start equals its definition, gradients included", async () => {
  const seen = (b: number, t: number, k: number) => document_start[b * T + t] <= k && k <= t;
  assertEqual(await evaluate(causalAttention), await evaluate(plain(seen)));
});

Deno.test("heads that share keys and values equal heads with copies of them, gradients included", async () => {
  // One head of keys and values for all three, repeated.
  const repeat = (x: Value) => broadcast(x, [B, T, H, E]);
  const copied: Attention = (q, k, v, keys) => causalAttention(q, repeat(k), repeat(v), keys);
  for (const masked of [false, true]) {
    const use = (attention: Attention): Attention => (q, k, v, keys) =>
      masked ? attention(q, k, v, keys) : attention(q, k, v);
    assertEqual(
      await evaluate(use(causalAttention), BATCH, 1),
      await evaluate(use(copied), BATCH, 1),
    );
  }
});

Deno.test("documents packed into a row give the same results as separate rows", async () => {
  const packed = await evaluate(causalAttention);
  let start = 0;
  for (const length of DOCUMENTS.flat()) {
    const alone = await evaluate(whole, { rows: 1, length, start });
    const [from, to] = [start * WIDTH, (start + length) * WIDTH];
    const parts = Object.entries(packed).map(([name, x]) => [name, x.subarray(from, to)]);
    assertEqual(Object.fromEntries(parts), alone);
    start += length;
  }
  assert.equal(start, B * T);
});

Deno.test("document_start of 0 everywhere changes nothing", async () => {
  const zeros: Attention = (q, k, v) =>
    causalAttention(q, k, v, q.graph.constant(new Int32Array(B * T), [B, T]));
  assertEqual(await evaluate(zeros), await evaluate(whole), 0);
});

Deno.test("the mask of a batch is computed once for all layers", () => {
  const masks = (layers: number) => {
    const graph = new Graph();
    let x = graph.input("x", "float32", [B, T, H, E]);
    const keys = graph.input("document_start", "int32", [B, T]);
    for (let layer = 0; layer < layers; layer++) x = causalAttention(x, x, x, keys);
    graph.output("y", x);
    const text = new TextDecoder("latin1").decode(lowerToOnnx(graph));
    return text.match(/\bWhere_\d+/g)!.length;
  };
  assert.equal(masks(1), blockCount(T));
  assert.equal(masks(4), masks(1));
});

Deno.test("document_start of another shape or dtype is rejected, and heads that do not form groups", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 6, 1, 2]);
  const flat = graph.input("flat", "int32", [12]), float = graph.input("float", "float32", [2, 6]);
  assert.throws(
    () => causalAttention(x, x, x, flat),
    /needs document_start int32 \[2, 6\], got .*, int32 \[12\]/,
  );
  assert.throws(() => causalAttention(x, x, x, float), /got .*, float32 \[2, 6\]$/);
  const two = graph.input("two", "float32", [2, 6, 2, 2]);
  assert.throws(
    () => causalAttention(x, two, two),
    /H a multiple of K, got float32 \[2, 6, 1, 2\]/,
  );
});

Deno.test("lengths are cut into equal blocks, but not short and prime ones", () => {
  assert.deepEqual([7, 64, 128, 130, 192, 256, 257, 512].map(blockCount), [1, 1, 2, 2, 3, 4, 1, 4]);
});

Deno.test("second derivatives of an op with its own gradient op are rejected", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 2, 1, 2]);
  const [first] = gradients(sum(causalAttention(x, x, x)), [x]);
  assert.throws(() => gradients(sum(first), [x]), /causal_attention_grad has no gradient/);
});
