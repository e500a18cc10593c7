import assert from "node:assert/strict";
import { dequantizeWeight } from "../../tests/shared/exported_model.ts";
import { Random } from "../random/mod.ts";
import { quantizeRows, quantizeWeight } from "./quantize.ts";

function randomWeight(size: number): Float32Array {
  const random = new Random(1, "weight", 0);
  return Float32Array.from({ length: size }, () => random.uniform() - 0.5);
}

for (const bits of [4, 8] as const) {
  Deno.test(`${bits}-bit weights are off by half a step at most, also in partial blocks`, () => {
    const into = 40, weight = randomWeight(3 * into);
    const quantized = quantizeWeight(weight, into, bits);
    assert.deepEqual([quantized.blocks, quantized.scales.length], [2, 6]);
    assert.equal(quantized.codes.length, 3 * 2 * 32 * bits / 8);
    const back = dequantizeWeight(quantized, into, bits);
    weight.forEach((w, i) => {
      const scale = Math.abs(
        quantized.scales[2 * Math.floor(i / into) + Math.floor(i % into / 32)],
      );
      // The largest code has no opposite, so weights near its opposite lose up to a whole step.
      assert.ok(Math.abs(w - back[i]) <= scale * 1.0001, `${w} became ${back[i]}, step ${scale}`);
    });
  });
}

Deno.test("two 4-bit codes share a byte, the first in its low half", () => {
  const weight = new Float32Array(32);
  weight.set([8, -8, 1, 7]);
  const { codes, scales } = quantizeWeight(weight, 32, 4);
  // 8 is the largest in size: scale 8 / -8, so that it has code 0, and 0 has code 8.
  assert.equal(scales[0], -1);
  assert.deepEqual([...codes.subarray(0, 3)], [0 | 15 << 4, 7 | 1 << 4, 8 | 8 << 4]);
});

Deno.test("zero weights stay zero", () => {
  const zeros = new Float32Array(64);
  assert.deepEqual(dequantizeWeight(quantizeWeight(zeros, 64, 8), 64, 8), zeros);
  assert.deepEqual(quantizeRows(zeros, 32).codes, new Int8Array(64));
});

Deno.test("each row of an embedding has its own scale", () => {
  const { codes, scales } = quantizeRows(Float32Array.of(1, -0.25, 100, 50.5), 2);
  assert.deepEqual([...codes], [127, -32, 127, 64]);
  assert.deepEqual([...scales], [Math.fround(1 / 127), Math.fround(100 / 127)]);
});
