import assert from "node:assert/strict";
import { oneDnnTest } from "../../../tests/shared/devices.ts";
import {
  accumulate,
  backpropagate,
  causalAttention,
  gemm,
  Graph,
  mul,
  reshape,
  rmsNorm,
  silu,
  softmax,
  softmaxCrossEntropy,
  split,
  sum,
  transpose,
  type Value,
} from "../../graph/mod.ts";
import { Random } from "../../random/mod.ts";
import { compile, OneDnnUnavailable } from "../mod.ts";
import { bf16Values } from "./bf16_values.ts";
import { denseView, isDense, permute, planArena, reshapeView, slice, Slot } from "./memory.ts";

Deno.test("slots in use at the same time do not overlap, others share memory", () => {
  const lives: [bytes: number, first: number, last: number][] = [
    [256, 0, 3],
    [1024, 1, 2],
    [512, 3, 9],
    [100, 4, 5],
    [1024, 5, 8],
    [64, 0, 9],
  ];
  const slots = lives.map(([bytes, first, last]) =>
    Object.assign(new Slot(bytes), { first, last })
  );
  const total = planArena(slots);
  assert.ok(total < lives.reduce((sum, [bytes]) => sum + bytes, 0));
  slots.forEach((a, i) => {
    assert.equal(a.offset % 64, 0);
    assert.ok(a.offset + a.bytes <= total);
    for (const b of slots.slice(i + 1)) {
      const together = a.first <= b.last && b.first <= a.last;
      const apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
      assert.ok(!together || apart);
    }
  });
});

Deno.test("reshaping, permuting and slicing move no data, and report when they would have to", () => {
  const view = denseView(new Slot(4 * 24), [2, 3, 4], "float32");
  assert.deepEqual(reshapeView(view, [6, 4])!.strides, [4, 1]);
  const part = slice(view, 1, 2, 1);
  assert.deepEqual([part.offset, part.shape, isDense(part)], [8, [2, 1, 4], false]);
  assert.deepEqual(reshapeView(part, [2, 4])!.strides, [12, 1]);
  const turned = permute(view, [2, 0, 1]);
  assert.deepEqual([turned.shape, turned.strides], [[4, 2, 3], [1, 12, 4]]);
  assert.equal(reshapeView(turned, [24]), undefined);
});

const random = (name: string, length: number) =>
  new Random(1, `onednn_test/${name}`, 0).fillNormal(new Float32Array(length));

/** Outputs of a graph by both libraries on the same inputs. */
async function both(build: (graph: Graph) => void, products: "float32" | "bfloat16" = "float32") {
  const run = async (kernels: "onnxruntime" | "onednn") => {
    const graph = new Graph();
    build(graph);
    const options = { threads: 2, kernels, ...(kernels === "onednn" && { precision: products }) };
    const session = await compile(graph, options);
    const feeds = Object.fromEntries(graph.inputs.map(({ name, shape, dtype }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, dtype === "int32" ? new Int32Array(length).fill(1) : random(name, length)];
    }));
    const results = await session.run(feeds) as Record<string, Float32Array>;
    await session.release();
    return results;
  };
  return [await run("onednn"), await run("onnxruntime")];
}

function largestDifference(ours: Float32Array, theirs: Float32Array): number {
  const largest = theirs.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const error = ours.reduce((max, x, i) => Math.max(max, Math.abs(x - theirs[i])), 0);
  return error / largest;
}

/** Two layers of attention, within documents where `documents` says, over K heads of keys and values. */
const attentionGraph = (documents: boolean, K = 4) => (graph: Graph): void => {
  const [B, T, H, E] = [2, 192, 4, 8];
  const inputs = ["q", "k", "v"].map((name) =>
    graph.input(name, "float32", [B, T, name === "q" ? H : K, E])
  );
  const [q, k, v] = inputs;
  // Documents of 1, 69, 60 and 62 tokens, and of 30 and 162: blocks of queries are 64 long.
  const starts = [[0, 1, 70, 130], [0, 30]];
  const keys = starts.flatMap((row) =>
    Array.from({ length: T }, (_, t) => row.findLast((start) => start <= t)!)
  );
  const document_start = documents ? graph.constant(Int32Array.from(keys), [B, T]) : undefined;
  const output = causalAttention(causalAttention(q, k, v, document_start), k, v, document_start);
  const weights = graph.constant(random("weights", B * T * H * E), [B, T, H, E]);
  graph.output("output", output);
  backpropagate(new Map([[output, weights]]), inputs)
    .forEach((gradient, i) => graph.output(`d_${inputs[i].name}`, gradient));
};

/** A SwiGLU block after an RMS norm, wide enough for vector kernels and not a multiple of their width. */
function swigluGraph(graph: Graph): void {
  const [N, D, F] = [24, 40, 56];
  const x = graph.input("x", "float32", [N, D]), scale = graph.input("scale", "float32", [D]);
  const [gate, up] = ["gate", "up"].map((name) => graph.input(name, "float32", [D, F]));
  const normed = rmsNorm(x, scale, 1e-3);
  const output = mul(silu(gemm(normed, gate)), gemm(normed, up));
  graph.output("output", output);
  const weights = graph.constant(random("weights", N * F), [N, F]);
  const inputs = [x, scale, gate, up];
  backpropagate(new Map([[output, weights]]), inputs)
    .forEach((gradient, i) => graph.output(`d_${inputs[i].name}`, gradient));
}

for (const [products, tolerance] of [["float32", 1e-5], ["bfloat16", 2e-2]] as const) {
  const cases = {
    "attention of heads that share keys and values": attentionGraph(false, 2),
    "attention of heads that share keys and values within documents": attentionGraph(true, 1),
    "SwiGLU after an RMS norm": swigluGraph,
  };
  for (const [what, build] of Object.entries(cases)) {
    oneDnnTest(
      `${what} and its gradients in ${products} are ONNX Runtime's`,
      products,
      async () => {
        const [ours, theirs] = await both(build, products);
        for (const [name, values] of Object.entries(ours)) {
          const error = largestDifference(values, theirs[name]);
          assert.ok(error < tolerance, `${name} differs by ${error} of its largest entry`);
        }
      },
    );
  }
  for (const documents of [false, true]) {
    const what = documents ? "attention within documents" : "attention";
    oneDnnTest(
      `${what} and its gradients in ${products} are ONNX Runtime's`,
      products,
      async () => {
        const [ours, theirs] = await both(attentionGraph(documents), products);
        for (const [name, values] of Object.entries(ours)) {
          const error = largestDifference(values, theirs[name]);
          assert.ok(error < tolerance, `${name} differs by ${error} of its largest entry`);
        }
      },
    );
  }
}

oneDnnTest(
  "views of parts, and of parts of parts, are read without copies",
  "float32",
  async () => {
    const [ours, theirs] = await both((graph) => {
      const x = graph.input("x", "float32", [6, 8]);
      const [, right] = split(transpose(x, [1, 0]), 1, 2); // [8, 3]
      const [upper] = split(right, 0, 2); // [4, 3]
      graph.output("upper", upper);
      graph.output("flat", reshape(upper, [12]));
      graph.output("product", gemm(upper, right, { trans_b: true }));
    });
    for (const name of ["upper", "flat", "product"]) {
      assert.ok(largestDifference(ours[name], theirs[name]) < 1e-6, name);
    }
  },
);

oneDnnTest(
  "a product is added to its third operand, in place or in other memory",
  "float32",
  async () => {
    const graph = new Graph();
    const [x, y] = ["x", "y"].map((name) => graph.input(name, "float32", [3, 3]));
    const before = graph.input("before", "float32", [3, 3]);
    graph.output("after", accumulate(before, gemm(x, y)));
    const session = await compile(graph, { kernels: "onednn" });
    const [a, b, start] = ["a", "b", "start"].map((name) => random(name, 9));
    const expected = start.map((value, i) => {
      const [row, column] = [Math.floor(i / 3), i % 3];
      return value + [0, 1, 2].reduce((s, k) => s + a[3 * row + k] * b[3 * k + column], 0);
    });
    const feeds = { x: a, y: b, before: start };
    const { after } = await session.run(feeds) as Record<string, Float32Array>;
    assert.ok(largestDifference(after, expected) < 1e-6);
    await session.run(feeds, { after: start });
    assert.ok(largestDifference(start, expected) < 1e-6);
    await session.release();
  },
);

for (const products of ["float32", "bfloat16"] as const) {
  oneDnnTest(
    `the loss keeps its digits in ${products}, even where probabilities underflow`,
    products,
    async () => {
      const graph = new Graph();
      const logits = graph.input("logits", "float32", [3, 4]);
      const labels = graph.input("labels", "int32", [3]);
      const { nll, probabilities } = softmaxCrossEntropy(logits, labels);
      graph.output("nll", nll);
      graph.output("product", gemm(probabilities, logits, { trans_a: true }));
      const session = await compile(graph, { kernels: "onednn", precision: products });
      const results = await session.run({
        logits: Float32Array.of(0, 0, 0, 0, 200, 0, 0, 0, 1, 2, 3, 4),
        labels: Int32Array.of(1, 2, 0),
      });
      const last = Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3) + Math.exp(4)) - 1;
      [Math.log(4), 200, last].forEach((expected, i) => {
        assert.ok(
          Math.abs(Number(results.nll[i]) / expected - 1) < 1e-6,
          `nll ${i}: ${results.nll[i]}`,
        );
      });
      await session.release();
    },
  );
}

Deno.test("values that only products read are kept in bfloat16, sums are not", () => {
  const graph = new Graph();
  const matrix = (name: string): Value => graph.input(name, "float32", [4, 4]);
  const read_by_product = gemm(matrix("a"), matrix("b"));
  const read_by_sum = gemm(matrix("c"), matrix("d"));
  const product = gemm(read_by_product, read_by_sum);
  graph.output("sum", sum(read_by_sum));
  graph.output("product", product);
  const low = bf16Values(graph, graph.nodes);
  assert.deepEqual([read_by_product, read_by_sum, product].map((value) => low.has(value)), [
    true,
    false,
    false,
  ]);
});

Deno.test("the inner values of a gated MLP are kept in bfloat16, values scaled by a column are not", () => {
  const graph = new Graph();
  const matrix = (name: string): Value => graph.input(name, "float32", [4, 4]);
  const [gate, up] = [gemm(matrix("a"), matrix("b")), gemm(matrix("c"), matrix("d"))];
  const activated = silu(gate), inner = mul(activated, up);
  graph.output("down", gemm(inner, matrix("e")));
  const scaled = gemm(matrix("f"), matrix("g"));
  graph.output("product", gemm(mul(scaled, graph.input("h", "float32", [4, 1])), matrix("i")));
  const low = bf16Values(graph, graph.nodes);
  assert.ok([gate, up, activated, inner].every((value) => low.has(value)));
  assert.ok(!low.has(scaled));
});

oneDnnTest("an op without a kernel, a missing input and float16 are named", "float32", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 2]);
  graph.output("y", softmax(x));
  const options = { kernels: "onednn" } as const;
  await assert.rejects(async () => await compile(graph, options), /no kernel for "softmax"/);
  const fine = new Graph();
  fine.output("y", gemm(fine.input("x", "float32", [2, 2]), fine.input("w", "float32", [2, 2])));
  const session = await compile(fine, options);
  await assert.rejects(() => session.run({ x: new Float32Array(4) }), /input "w" is not fed/);
  await session.release();
  await assert.rejects(
    () => compile(fine, { ...options, precision: "float16" }),
    /no float16/,
  );
});

Deno.test("the error for a missing library names it and the fix", () => {
  const { message } = new OneDnnUnavailable(["libdnnl.so.3: no such file"]);
  assert.match(message, /no such file.*pip install onednn-cpu-gomp.*CAUSEWAY_ONEDNN.*float32/);
});
