import assert from "node:assert/strict";
import { linearProducts, productFlops } from "../shared/flops.ts";
import { SIZES } from "../shared/sizes.ts";
import { linearLayers } from "./products.ts";
import { summarize } from "./report.ts";

Deno.test("the products of all layers are those of a step, whatever their layout and chunks", () => {
  for (const size of SIZES) {
    const expected = linearProducts(size.config, size, "step")
      .reduce((sum, product) => sum + product.count * productFlops(product), 0);
    let flops = 0;
    for (const { shapes, products, count } of linearLayers(size)) {
      for (const { a, b, result, trans_a, trans_b } of products) {
        const [m, k] = trans_a ? shapes[a].toReversed() : shapes[a];
        const [k_of_b, n] = trans_b ? shapes[b].toReversed() : shapes[b];
        assert.equal(k, k_of_b);
        assert.deepEqual(shapes[result], [m, n]);
        flops += 2 * m * k * n * count;
      }
    }
    assert.equal(flops, expected, size.name);
  }
});

Deno.test("the loss head works in chunks of 256 MiB, and wide weights are transposed", () => {
  const layers = linearLayers(SIZES.find(({ name }) => name === "pythia-70m")!);
  const layer = (name: string) => layers.find((layer) => layer.name === name)!;
  const { shapes, layers: times, count } = layer("embed_out");
  assert.deepEqual([shapes.x, shapes.w, times, count], [[1024, 512], [512, 50304], 1, 2]);
  assert.deepEqual(layer("dense_4h_to_h").shapes.w, [512, 2048]);
  assert.deepEqual(layer("dense_h_to_4h").shapes.w, [512, 2048]);
});

Deno.test("the reachable ratio is Amdahl's, with conversions in it", () => {
  const [linear] = linearLayers(SIZES[3]).slice(-1);
  const times = { linear, product: linear.products[0], flops: 1, kernel: "" };
  const { share, bf16_ratio, f32_ratio, limit } = summarize({
    size: "pythia-70m",
    rows: 4,
    length: 512,
    products: [{ ...times, ort_s: 3, f32_s: 2.5, bf16_s: 1 }],
    conversions: [{ linear, x_s: 0.1, d_y_s: 0.2, w_s: 0.4 }],
    steps_s: [12, 10, 9],
  });
  // Two chunks: 6 s of 10 s now; then 2 s, and 2 (0.1 + 0.2) + 0.4 s of conversions.
  assert.equal(share, 0.6);
  assert.equal(f32_ratio, 10 / 9);
  assert.ok(Math.abs(bf16_ratio - 10 / 7) < 1e-12);
  assert.equal(limit, 2.5);
});
