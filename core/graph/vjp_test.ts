/**
 * Every rule of the gradient table against central finite differences of the forward graph, in float64 where
 * ONNX Runtime has the kernels, else in float32 with a wider tolerance.
 */
import assert from "node:assert/strict";
import { compile, type TensorData } from "../engine/mod.ts";
import { SHAPE_INFERENCE } from "./ops.ts";
import * as g from "./mod.ts";
import type { DType, Shape, Value } from "./mod.ts";

/** A float input, or fixed int32 indices. */
type InputSpec = Shape | { indices: number[] };

interface Case {
  name: string;
  inputs: InputSpec[];
  build: (...inputs: Value[]) => Value;
  /** Kernels exist in float32 only. */
  float32?: boolean;
  /** Interval of the inputs. */
  range?: [number, number];
}

const isIndices = (spec: InputSpec): spec is { indices: number[] } => "indices" in spec;

/** A small multiplicative generator: test data only has to be irregular and repeatable. */
function numbers(count: number, [low, high]: [number, number], seed: number): number[] {
  let state = seed * 7919 + 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return low + (high - low) * (state / 2147483647);
  });
}

const build_cases: Record<string, Case[]> = {
  add: [
    { name: "same shape", inputs: [[2, 3], [2, 3]], build: g.add },
    { name: "row broadcast", inputs: [[2, 3], [3]], build: g.add },
    { name: "both broadcast", inputs: [[2, 1, 3], [4, 1]], build: g.add },
  ],
  sub: [
    { name: "scalar left", inputs: [[], [2, 3]], build: g.sub },
    { name: "column right", inputs: [[2, 3], [2, 1]], build: g.sub },
  ],
  mul: [
    { name: "used twice", inputs: [[3, 2]], build: (x) => g.mul(x, x) },
    { name: "both broadcast", inputs: [[3, 1], [1, 4]], build: g.mul },
  ],
  div: [{ name: "broadcast", inputs: [[2, 3], [3]], range: [0.5, 2], build: g.div }],
  maximum: [{ name: "broadcast", inputs: [[3, 4], [4]], build: g.maximum }],
  equal: [{
    name: "as a mask",
    inputs: [[3, 4], { indices: [2, 0, 1] }, { indices: [0, 1, 2, 1] }],
    float32: true,
    build: (x, rows, columns) => g.mul(x, g.equal(g.reshape(rows, [3, 1]), columns)),
  }],
  neg: [{ name: "plain", inputs: [[5]], build: g.neg }],
  exp: [{ name: "plain", inputs: [[2, 2]], build: g.exp }],
  sqrt: [{ name: "positive", inputs: [[4]], range: [0.2, 3], build: g.sqrt }],
  gelu: [{ name: "plain", inputs: [[3, 5]], range: [-3, 3], float32: true, build: g.gelu }],
  gelu_tanh: [{ name: "plain", inputs: [[3, 5]], range: [-4, 4], build: g.geluTanh }],
  silu: [{ name: "plain", inputs: [[3, 5]], range: [-4, 4], build: g.silu }],
  sum: [
    { name: "all", inputs: [[2, 3]], build: (x) => g.sum(x) },
    { name: "middle axis", inputs: [[2, 3, 4]], build: (x) => g.sum(x, { axes: [1] }) },
    {
      name: "two axes kept",
      inputs: [[2, 3, 4]],
      build: (x) => g.sum(x, { axes: [0, -1], keep_dims: true }),
    },
  ],
  max: [{ name: "rows", inputs: [[3, 5]], build: (x) => g.max(x, { axes: [-1] }) }],
  reshape: [{ name: "plain", inputs: [[2, 6]], build: (x) => g.reshape(x, [3, 4]) }],
  transpose: [{
    name: "cycle of three axes",
    inputs: [[2, 3, 4]],
    build: (x) => g.transpose(x, [1, 2, 0]),
  }],
  broadcast: [{
    name: "new and repeated axes",
    inputs: [[3, 1]],
    build: (x) => g.broadcast(x, [2, 3, 4]),
  }],
  concat: [{ name: "axis 1", inputs: [[2, 3], [2, 3]], build: (a, b) => g.concat([a, b], 1) }],
  split: [{
    name: "parts used differently, one unused",
    inputs: [[2, 6]],
    build: (x) => {
      const [a, , c] = g.split(x, 1, 3);
      return g.mul(a, g.exp(c));
    },
  }],
  matmul: [
    ...[false, true].flatMap((trans_a) =>
      [false, true].map((trans_b): Case => ({
        name: `batched, trans_a ${trans_a}, trans_b ${trans_b}`,
        inputs: [trans_a ? [2, 3, 5, 4] : [2, 3, 4, 5], trans_b ? [2, 3, 3, 5] : [2, 3, 5, 3]],
        build: (a, b) => g.matmul(a, b, { trans_a, trans_b, alpha: 0.5 }),
      }))
    ),
    {
      name: "leading axes that broadcast",
      inputs: [[2, 1, 4, 5], [3, 3, 5]],
      build: (a, b) => g.matmul(a, b, { trans_b: true }),
    },
    { name: "one matrix for all", inputs: [[2, 4, 5], [5, 3]], build: (a, b) => g.matmul(a, b) },
  ],
  gemm: [
    ...[false, true].flatMap((trans_a) =>
      [false, true].map((trans_b): Case => ({
        name: `bias, trans_a ${trans_a}, trans_b ${trans_b}`,
        inputs: [trans_a ? [5, 4] : [4, 5], trans_b ? [3, 5] : [5, 3], [3]],
        build: (a, b, c) => g.gemm(a, b, { trans_a, trans_b, c }),
      }))
    ),
    { name: "1 by 1", inputs: [[1, 1], [1, 1]], build: (a, b) => g.gemm(a, b) },
  ],
  gather: [
    {
      name: "repeated rows",
      inputs: [[4, 3], { indices: [2, 0, 2, 2, 1] }],
      build: (x, i) => g.gather(x, i),
    },
    {
      name: "repeated columns",
      inputs: [[3, 4], { indices: [2, 0, 2, 2, 1] }],
      build: (x, i) => g.gather(x, i, 1),
    },
  ],
  scatter_add: [
    {
      name: "repeated rows",
      inputs: [[3, 2], { indices: [1, 1, 0, 1] }, [4, 2]],
      build: (x, i, y) => g.scatterAdd(x, i, y),
    },
    {
      name: "repeated columns",
      inputs: [[2, 3], { indices: [1, 1, 0, 1] }, [2, 4]],
      build: (x, i, y) => g.scatterAdd(x, i, y, 1),
    },
  ],
  take_along_rows: [{
    name: "plain",
    inputs: [[3, 5], { indices: [4, 0, 4] }],
    build: g.takeAlongRows,
  }],
  add_along_rows: [{
    name: "plain",
    inputs: [[3, 5], { indices: [4, 0, 4] }, [3]],
    build: g.addAlongRows,
  }],
  softmax: [{ name: "three axes", inputs: [[2, 3, 4]], build: g.softmax }],
  causal_attention: [
    {
      name: "one block",
      inputs: [[2, 5, 2, 4], [2, 5, 2, 4], [2, 5, 2, 4]],
      build: g.causalAttention,
    },
    {
      name: "blocks",
      inputs: [[1, 128, 1, 2], [1, 128, 1, 2], [1, 128, 1, 2]],
      build: g.causalAttention,
    },
    {
      name: "heads that share keys and values",
      inputs: [[2, 5, 6, 3], [2, 5, 2, 3], [2, 5, 2, 3]],
      build: g.causalAttention,
    },
    {
      name: "one head of keys and values, blocks and documents",
      inputs: [[1, 128, 2, 2], [1, 128, 1, 2], [1, 128, 1, 2], firstKeys(128, [50, 64, 127])],
      build: (q, k, v, document_start) =>
        g.causalAttention(q, k, v, g.reshape(document_start, [1, 128])),
    },
    {
      name: "documents of odd lengths",
      inputs: [[2, 5, 2, 4], [2, 5, 2, 4], [2, 5, 2, 4], firstKeys(5, [2], [1, 4])],
      build: (q, k, v, document_start) =>
        g.causalAttention(q, k, v, g.reshape(document_start, [2, 5])),
    },
    {
      name: "documents at and across the ends of blocks",
      inputs: [[1, 128, 1, 2], [1, 128, 1, 2], [1, 128, 1, 2], firstKeys(128, [50, 64, 127])],
      build: (q, k, v, document_start) =>
        g.causalAttention(q, k, v, g.reshape(document_start, [1, 128])),
    },
  ],
  cache_mask: [{
    name: "two new tokens after three, the first of them padding",
    inputs: [[2, 1, 2, 5], { indices: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1] }, { indices: [0, 0, 0, 0] }],
    build: (scores, attention_mask, tokens) => {
      const mask = g.cacheMask(g.reshape(attention_mask, [2, 5]), g.reshape(tokens, [2, 2]));
      return g.softmax(g.add(scores, mask));
    },
    float32: true,
  }],
  layer_norm: [{
    name: "odd width",
    inputs: [[3, 7], [7], [7]],
    float32: true,
    build: (x, scale, bias) => g.layerNorm(x, scale, bias, 1e-5),
  }],
  rms_norm: [
    {
      name: "odd width",
      inputs: [[3, 7], [7]],
      build: (x, scale) => g.rmsNorm(x, scale, 1e-5),
    },
    {
      name: "by the fused operator",
      inputs: [[3, 7], [7]],
      float32: true,
      build: (x, scale) => g.rmsNorm(x, scale, 1e-5),
    },
    {
      name: "an epsilon that counts, three axes",
      inputs: [[2, 3, 5], [5]],
      build: (x, scale) => g.rmsNorm(x, scale, 0.5),
    },
  ],
  rotary: [
    {
      name: "part of the head",
      inputs: [[2, 5, 3, 8]],
      float32: true,
      build: (x) => g.rotary(x, ...tables(x, 4)),
    },
    {
      name: "whole head",
      inputs: [[1, 3, 2, 6]],
      float32: true,
      build: (x) => g.rotary(x, ...tables(x, 6)),
    },
  ],
  softmax_cross_entropy: [{
    name: "plain",
    inputs: [[4, 6], { indices: [5, 0, 3, 3] }],
    build: (logits, labels) => g.softmaxCrossEntropy(logits, labels).nll,
  }],
};

/** For each row, where its documents start, the first one left out. */
function firstKeys(length: number, ...rows: number[][]): InputSpec {
  const last = (starts: number[], t: number) => starts.findLast((start) => start <= t) ?? 0;
  return {
    indices: rows.flatMap((starts) => Array.from({ length }, (_, t) => last(starts, t))),
  };
}

function tables(x: Value, rotary_dim: number): [Value, Value] {
  const shape = [x.shape[1], rotary_dim / 2];
  const angles = numbers(g.sizeOf(shape), [-3, 3], 5);
  const table = (f: (angle: number) => number) =>
    x.graph.constant(Float32Array.from(angles, f), shape);
  return [table(Math.cos), table(Math.sin)];
}

/** Builds loss = Σ weights · output and its gradients; returns loss and gradients at given inputs. */
async function compileCase({ inputs, build, float32 }: Case) {
  const dtype: DType = float32 ? "float32" : "float64";
  const graph = new g.Graph();
  const values = inputs.map((spec, i) =>
    isIndices(spec)
      ? graph.input(`x${i}`, "int32", [spec.indices.length])
      : graph.input(`x${i}`, dtype, spec)
  );
  const output = build(...values);
  const data = numbers(g.sizeOf(output.shape), [-1, 1], 11);
  const weights = float32 ? Float32Array.from(data) : Float64Array.from(data);
  const loss = g.sum(g.mul(output, graph.constant(weights, output.shape)));
  graph.output("loss", loss);
  const targets = values.filter((value) => value.dtype === dtype);
  g.gradients(loss, targets).forEach((grad, i) => graph.output(`d_${targets[i].name}`, grad));
  const session = await compile(graph, { threads: 1 });
  return { session, targets };
}

async function checkCase(test: Case): Promise<void> {
  const { session, targets } = await compileCase(test);
  const feeds: Record<string, TensorData> = {};
  test.inputs.forEach((spec, i) => {
    if (isIndices(spec)) feeds[`x${i}`] = Int32Array.from(spec.indices);
    else {
      const data = numbers(g.sizeOf(spec), test.range ?? [-1.5, 1.5], i + 1);
      feeds[`x${i}`] = test.float32 ? Float32Array.from(data) : Float64Array.from(data);
    }
  });
  const results = await session.run(feeds);
  const step = test.float32 ? 1e-2 : 1e-5;
  const tolerance = test.float32 ? 2e-3 : 1e-7;
  for (const target of targets) {
    const x = feeds[target.name] as Float64Array;
    const gradient = results[`d_${target.name}`];
    assert.equal(gradient.length, x.length);
    for (let i = 0; i < x.length; i++) {
      const original = x[i];
      const lossAt = async (value: number) => {
        x[i] = value;
        return Number((await session.run(feeds)).loss[0]);
      };
      // (L(x + h) - L(x - h)) / 2h
      const numeric = (await lossAt(original + step) - await lossAt(original - step)) / (2 * step);
      x[i] = original;
      const error = Math.abs(Number(gradient[i]) - numeric);
      assert.ok(
        error <= tolerance * Math.max(1, Math.abs(numeric)),
        `d_${target.name}[${i}] is ${gradient[i]}, finite differences give ${numeric}`,
      );
    }
  }
  await session.release();
}

for (const [op, cases] of Object.entries(build_cases)) {
  for (const test of cases) {
    Deno.test(`gradient of ${op}: ${test.name}`, () => checkCase(test));
  }
}

Deno.test("every op but those of exports has a finite-difference case", () => {
  const first_order = Object.keys(SHAPE_INFERENCE).filter((op) =>
    !/_grad$|^quantized_|^rotary_angles$/.test(op)
  );
  assert.deepEqual(Object.keys(build_cases).sort(), first_order.sort());
});
