import assert from "node:assert/strict";
import { partsTable, renderReport, speedTable } from "./report.ts";
import type { Contest, Results } from "./results.ts";
import { rounded, withRange } from "../shared/measurements.ts";

const side = (peak_bytes: number) => ({
  start_up_s: 1.25,
  prepared: { build_s: 0.5, first_pass_s: 2, first: { loss: 8 } },
  peak_bytes,
  steady_peak_bytes: peak_bytes / 2,
  parts: { forward: [0.05, 0.06, 0.07], forward_backward: [0.2, 0.1, 0.3], optimizer: [0.01] },
});

const contest = (given: Partial<Contest>, theirs_s: number[]): Contest => ({
  mode: "eager",
  implementation: "hf",
  variant: "float32",
  theirs: side(2e9),
  repeated: 0,
  rounds: theirs_s.map((theirs_s) => ({
    ours_s: 1,
    theirs_s,
    ceiling: 400e9,
    idle_ours: 0,
    idle_theirs: 0.01,
    others: 0,
  })),
  ...given,
});

function results(contests: Contest[]): Results {
  const size = {
    size: "mini",
    parameters: 10,
    rows: 16,
    length: 256,
    passes: "step" as const,
    flops_per_pass: 100e9,
    passes_per_round: 3,
    ours: { float32: side(1e9) },
    contests,
  };
  const machine = { date: "2026-01-02", load_average_before: 0.1 };
  return { benchmark: "train", machine, settings: { rounds: 3 }, sizes: [size] };
}

Deno.test("the faster PyTorch model counts, with the range of its rounds", () => {
  const { sizes } = results([
    contest({}, [3, 3, 3]),
    contest({ implementation: "sdpa" }, [2, 2.5, 1.5]),
  ]);
  const [, , row, ...more] = speedTable(sizes).split("\n");
  // 16 · 256 · 3 tokens in 1 s; 3 · 100 GFLOP in 1 s and 2 s against 400 GFLOP/s.
  assert.equal(
    row,
    "| mini | fp32 | 0 | eager fp32, own SDPA | 2.00 (1.50–2.50) | 12,300 | 6,140 | 75% | 38% | 400 |",
  );
  assert.deepEqual(more, []);
});

Deno.test("turns beside busy programs have columns of their own", () => {
  const turns = { idle_ours: 0, idle_theirs: 0, others: 1 };
  const busy = [2, 6, 4].map((theirs_s) => ({ ...turns, ours_s: 2, theirs_s }));
  const run = results([contest({ busy }, [2]), contest({ mode: "compile" }, [3])]);
  const [headings, , with_busy, without] = speedTable(run.sizes).split("\n");
  assert.match(headings, /\| busy: ratio \| Causeway tokens\/s \| peer's tokens\/s \|$/);
  // 16 · 256 · 3 tokens in 2 s and in 4 s.
  assert.match(with_busy, /\| 400 \| 2\.00 \(1\.00–3\.00\) \| 6,140 \| 3,070 \|$/);
  assert.match(without, /\| 400 \| – \| – \| – \|$/);
  const text = renderReport({ ...run, settings: { busy: 1 } }, "Title");
  assert.match(text, /beside 1 other program that computes all the time/);
  assert.doesNotMatch(renderReport(results([contest({}, [2])]), "Title"), /busy/i);
});

Deno.test("both sides have a row of step parts and memory", () => {
  const theirs = { ...side(2e9), parts: { forward: [0.1], backward: [0.3], optimizer: [0.01] } };
  const rows = partsTable(results([contest({ theirs }, [2])])).split("\n").slice(2);
  // Ours computes forward and backward in one graph: 200 ms, of which 60 are forward.
  assert.deepEqual(rows, [
    "| mini | Causeway fp32 | 60 | 140 | 10 | 1.3 | 0.5 | 2.0 | 1.8 | 1.00 | 0.50 |",
    "| mini | eager fp32, Hugging Face | 100 | 300 | 10 | 1.3 | 0.5 | 2.0 | 1.6 | 2.00 | 1.00 |",
  ]);
});

Deno.test("a failed contest is listed, and in the table too unless the other PyTorch model has a ratio", () => {
  const failed = contest({ mode: "compile", error: "no ratio: the loss\ndiffers" }, []);
  const text = renderReport(results([contest({}, [2]), failed]), "Title");
  assert.match(text, /^# Title\n/);
  assert.match(
    text,
    /Not measured:\n\n- mini, fp32 against compile, hf: no ratio: the loss differs/,
  );
  assert.match(
    text,
    /^\| mini \| fp32 \| 0 \| compiled fp32 \| failed, see below \| – \| – \| – \| – \| – \|$/m,
  );
  const other = contest({ mode: "compile", implementation: "sdpa" }, [2]);
  const both = renderReport(results([failed, other]), "Title");
  assert.doesNotMatch(both, /failed, see below/);
  assert.match(both, /compile, hf: no ratio/);
});

Deno.test("an unfinished run has a report", () => {
  const text = renderReport(results([contest({}, [2]), contest({ mode: "bf16" }, [])]), "Title");
  assert.match(text, /eager fp32, Hugging Face/);
  assert.doesNotMatch(text, /autocast bf16/);
});

Deno.test("the report says when the machine was not quiet", () => {
  const busy = contest({}, [2]);
  assert.doesNotMatch(renderReport(results([busy]), "Title"), /doubtful/);
  busy.rounds = busy.rounds.map((round) => ({ ...round, others: 0.4 }));
  assert.match(renderReport(results([busy]), "Title"), /not quiet/);
  busy.repeated = 2;
  assert.match(renderReport(results([busy]), "Title"), /2 rounds were repeated/);
});

Deno.test("numbers are rounded to the precision of the measurement", () => {
  assert.equal(rounded(20512), "20,500");
  assert.equal(rounded(238.4), "238");
  assert.equal(rounded(0.12345), "0.123");
  assert.equal(withRange({ median: 1, min: 0.5, max: 2 }, 1), "1.0 (0.5–2.0)");
});
