import assert from "node:assert/strict";
import { fitLine } from "./mod.ts";

const golden: {
  name: string;
  confidence: number;
  x: number[];
  y: number[];
  prediction?: { place: number; value: number; ci_low: number; ci_high: number };
}[] = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/statistics/golden.json", import.meta.url)),
);

Deno.test("lines and their prediction intervals agree with NumPy and SciPy", () => {
  const cases = golden.filter(({ prediction }) => prediction);
  assert.ok(cases.length > 3);
  for (const { name, confidence, x, y, prediction } of cases) {
    const { place, ...expected } = prediction!;
    const found = fitLine(x, y, confidence)(place);
    for (const [key, value] of Object.entries(expected)) {
      const actual = found[key as keyof typeof found];
      assert.ok(Math.abs(actual - value) < 1e-6 * Math.max(1, Math.abs(value)), `${name}, ${key}`);
    }
  }
});

Deno.test("intervals widen away from the points", () => {
  const predict = fitLine([1, 2, 3, 4], [1, 3, 2, 4]);
  const width = (x: number) => predict(x).ci_high - predict(x).ci_low;
  assert.ok(width(2.5) < width(4) && width(4) < width(9));
});

Deno.test("points that do not define a line give an error", () => {
  assert.throws(() => fitLine([1, 2], [1, 2]), /at least three points/);
  assert.throws(() => fitLine([1, 1, 1], [1, 2, 3]), /differ in x, got 3 points/);
  assert.throws(() => fitLine([1, 2, 3], [1, 2]), /got 3 and 2/);
});
