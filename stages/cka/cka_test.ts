import assert from "node:assert/strict";
import { fakeContext } from "../../tests/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/tiny_training.ts";
import { cka } from "./mod.ts";

async function compared(config = {}) {
  const fake = await fakeContext(cka, {
    config: {
      probes: ["general"],
      sequence_length: 16,
      max_sequences: 12,
      micro_batch_size: 4,
      threads: 1,
      ...config,
    },
    inputs: {
      models: { a: tinyModel(1), b: tinyModel(2), copy: tinyModel(1) },
      probes: { data: tinyTokens({ general: { documents: 40, stride: 2 } }) },
    },
  });
  await cka.run(fake.ctx);
  const table = fake.collected().cka;
  const at = (a: string, b: string, layer_a: number, layer_b: number) =>
    table.cka[
      table.cka.findIndex((_, i) =>
        table.model_a[i] === a && table.model_b[i] === b && table.layer_a[i] === layer_a &&
        table.layer_b[i] === layer_b
      )
    ];
  return { table, at };
}

Deno.test("every layer of every pair is compared; a model equals itself and its copy", async () => {
  const { table, at } = await compared();
  assert.equal(table.cka.length, 6 * 9); // 6 pairs of 3 models, 3 by 3 layers
  for (const layer of [0, 1, 2]) {
    assert.ok(Math.abs(at("a", "a", layer, layer) - 1) < 1e-6);
    assert.ok(Math.abs(at("a", "copy", layer, layer) - 1) < 1e-6);
    assert.ok(at("a", "b", layer, layer) < 0.999);
  }
  assert.ok(Math.abs(at("a", "copy", 0, 2) - at("a", "a", 2, 0)) < 1e-6);
});

Deno.test("the batch size changes nothing but rounding; pairs can be chosen", async () => {
  const all = await compared();
  const { table, at } = await compared({ pairs: [["a", "b"]], micro_batch_size: 6 });
  assert.equal(table.cka.length, 9);
  for (const layer of [0, 1, 2]) {
    assert.ok(Math.abs(at("a", "b", layer, 1) - all.at("a", "b", layer, 1)) < 1e-5);
  }
});
