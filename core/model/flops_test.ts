import assert from "node:assert/strict";
import {
  completeConfig,
  linearProducts,
  lossGraph,
  passFlops,
  PRESETS,
  productFlops,
} from "./mod.ts";

const config = {
  vocab_size: 11,
  hidden_size: 4,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 10,
  max_position_embeddings: 2048,
  rotary_pct: 0.25,
  rotary_emb_base: 10000,
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
};

Deno.test("forward FLOPs are 2 per weight and position, plus two squares of attention", () => {
  // Weights per layer: 4·12 + 4·4 + 2·4·10 = 144; output 4·11 = 44. Positions: 2·5 = 10.
  const linear = 2 * 10 * (3 * 144 + 44);
  // Per layer and row, q kᵀ and weights · v: 2 products of 2·5·5·4 FLOPs over all heads.
  const attention = 3 * 2 * 2 * (2 * 5 * 5 * 4);
  assert.equal(passFlops(config, { rows: 2, length: 5 }, "forward"), linear + attention);
});

Deno.test("a training step has three times the products of a forward pass", () => {
  const shape = { rows: 2, length: 5 };
  assert.equal(passFlops(config, shape, "step"), 3 * passFlops(config, shape, "forward"));
});

Deno.test("every preset's step is 6 FLOPs per weight and token, plus attention", () => {
  const [rows, length] = [4, 512];
  for (const preset of Object.values(PRESETS)) {
    const config = completeConfig(preset, 50304);
    const { hidden_size: D, num_hidden_layers: L, vocab_size: V, intermediate_size: F } = config;
    const shared = config.model_type === "llama"
      ? config.num_key_value_heads / config.num_attention_heads
      : 1;
    const mlp = config.model_type === "llama" ? 3 * D * F : 2 * D * F;
    const weights = L * ((2 + 2 * shared) * D * D + mlp) + V * D;
    const tokens = rows * length;
    const expected = 6 * weights * tokens + 12 * L * D * length * tokens;
    const flops = passFlops(config, { rows, length }, "step");
    assert.ok(Math.abs(flops / expected - 1) < 1e-12, `${flops}, not ${expected}`);
  }
});

Deno.test("the three products of a layer have the same FLOPs and the shapes of its tensors", () => {
  const products = linearProducts(config, { rows: 2, length: 5 }, "step");
  assert.equal(products.length, 15);
  const layer = products.filter(({ name }) => name.startsWith("dense_h_to_4h"));
  assert.deepEqual(layer.map(({ m, k, n }) => [m, k, n]), [[10, 4, 10], [10, 10, 4], [10, 10, 4]]);
  assert.equal(new Set(layer.map(productFlops)).size, 1);
  assert.deepEqual(layer.map(({ count }) => count), [3, 3, 3]);
});

Deno.test("sequences longer than the model's positions are refused, with the field to change", () => {
  const short = { ...config, max_position_embeddings: 4 };
  assert.throws(
    () => lossGraph(short, { rows: 1, length: 5 }),
    /4 positions .*lower sequence_length$/,
  );
});
