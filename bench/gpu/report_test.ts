import assert from "node:assert/strict";
import { ratio, renderReport, speedTable } from "./report.ts";
import { type Measurement, readResults, type Results } from "./results.ts";

const measurement = (given: Partial<Measurement>): Measurement => ({
  size: "mini",
  mode: "float32",
  start_up_s: 1,
  build_s: 1,
  first_pass_s: 2,
  first: { loss: 8, grad_norm: 2 },
  seconds: [0.25, 0.2, 0.5],
  ...given,
});

function results(measurements: Measurement[], more: Partial<Results> = {}): Results {
  const size = { name: "mini", parameters: 10, rows: 10, length: 100, flops_per_step: 5e12 };
  return {
    benchmark: "gpu",
    machine: { date: "2026-01-02", gpu: "Some GPU", torch: "2.0" },
    settings: { device: "webgpu" },
    sizes: [size],
    attempts: [{ name: "a", env: {}, error: "no driver" }, { name: "b", env: {} }],
    checks: [],
    measurements,
    elapsed_s: 9,
    finished: true,
    ...more,
  };
}

Deno.test("a row has the median speed with its range, and the ratio to the fastest PyTorch", () => {
  const all = results([
    measurement({ memory_bytes: 2e9 }),
    measurement({ mode: "eager", seconds: [0.5] }),
    measurement({ mode: "compile", seconds: [0.125] }),
    measurement({ mode: "bf16", seconds: [0.01] }),
  ]);
  // 10 · 100 tokens and 5 TFLOP in 0.25 s.
  assert.equal(
    speedTable(all).split("\n")[2],
    "| mini | Causeway fp32 | 4,000 (2,000–5,000) | 0.50 | 20.00 | 250 | 3 | 2.0 | 0.0e+0 | 2.00 |",
  );
  assert.equal(ratio(all, measurement({ mode: "float16", seconds: [0.02] })), 0.5);
  assert.equal(ratio(results([]), measurement({})), undefined);
});

Deno.test("a difference beyond rounding is bold, for each precision by its own tolerance", () => {
  const first = { loss: 8.008, grad_norm: 2 };
  const table = speedTable(results([
    measurement({ mode: "eager" }),
    measurement({ first }),
    measurement({ mode: "float16", first }),
  ]));
  assert.match(table, /Causeway fp32 .* \*\*1\.0e-3\*\* \|/);
  assert.match(table, /Causeway fp16 .* \| 1\.0e-3 \|/);
});

Deno.test("what failed is listed by its error, and an unfinished run has a report", () => {
  const check = { size: "tiny", precision: "float16" as const, tolerance: 0.03, passed: false };
  const text = renderReport(results([
    measurement({
      mode: "compile",
      first: undefined,
      seconds: [],
      error: "took\nlonger than 60 s",
    }),
  ], { checks: [{ ...check, error: "no float16" }], finished: false, torch_problem: "no torch" }));
  assert.match(text, /9 s, unfinished\./);
  assert.match(text, /device: webgpu, by b \(2 ways tried\)/);
  assert.match(text, /PyTorch was not measured: no torch\./);
  assert.match(text, /^- a: no driver$/m);
  assert.match(text, /^- gradients of tiny, float16: no float16$/m);
  assert.match(text, /^- mini, PyTorch compiled fp32: took longer than 60 s$/m);
  const none = renderReport(results([], { attempts: [{ name: "a", env: {}, error: "x" }] }));
  assert.match(none, /\*\*Causeway found no webgpu device\*\* \(1 way tried\)/);
});

Deno.test("a results file is read again, and another file is refused", () => {
  const path = Deno.makeTempFileSync({ suffix: ".json" });
  const all = results([measurement({})]);
  Deno.writeTextFileSync(path, JSON.stringify(all));
  assert.deepEqual(readResults(path), all);
  Deno.writeTextFileSync(path, JSON.stringify({ ...all, benchmark: "train" }));
  assert.throws(() => readResults(path), /is not a results file of bench:gpu: benchmark/);
  Deno.removeSync(path);
  assert.throws(() => readResults(path), /--report .*: No such file/);
});
