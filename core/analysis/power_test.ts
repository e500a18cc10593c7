import assert from "node:assert/strict";
import { studentQuantile } from "./distributions.ts";
import { detectableEffect, noncentralT, studentPower } from "./mod.ts";

const golden: {
  quantiles: { p: number; df: number; t: number }[];
  noncentral: { t: number; df: number; delta: number; p: number }[];
  detectable: { df: number; alpha: number; power: number; effect: number }[];
} = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/statistics/power.json", import.meta.url)),
);

Deno.test("quantiles of Student's t agree with SciPy", () => {
  for (const { p, df, t } of golden.quantiles) {
    const found = studentQuantile(p, df);
    assert.ok(Math.abs(found - t) <= 1e-11 * Math.abs(t), `p ${p}, df ${df}: ${found}, not ${t}`);
  }
  assert.equal(studentQuantile(0.5, 3), 0);
});

Deno.test("the noncentral t distribution agrees with SciPy", () => {
  for (const { t, df, delta, p } of golden.noncentral) {
    const found = noncentralT(t, df, delta);
    assert.ok(Math.abs(found - p) < 1e-9, `t ${t}, df ${df}, delta ${delta}: ${found}, not ${p}`);
  }
});

Deno.test("the smallest detectable effect agrees with SciPy", () => {
  for (const { df, alpha, power, effect } of golden.detectable) {
    const found = detectableEffect(df, { alpha, power });
    assert.ok(Math.abs(found - effect) < 1e-6 * effect, `df ${df}: ${found}, not ${effect}`);
    assert.ok(Math.abs(studentPower(found, df, alpha) - power) < 1e-9);
  }
});

Deno.test("without an effect a test rejects as often as its level", () => {
  assert.ok(Math.abs(studentPower(0, 4) - 0.05) < 1e-12);
});

Deno.test("degrees of freedom and power are checked", () => {
  assert.throws(() => detectableEffect(0), /at least one degree of freedom, got 0/);
  assert.throws(
    () => detectableEffect(2, { power: 0.01 }),
    /above alpha \(0.05\) and below 1, got 0.01/,
  );
});
