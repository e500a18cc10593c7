import assert from "node:assert/strict";
import { batchOf } from "../../core/report/mod.ts";
import type { TablePort } from "../../core/stage/mod.ts";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/fake_context.ts";
import { SAMPLE_CONFIG } from "./charts/sample_arms.ts";
import { sampleMeasurements } from "./charts/sample.ts";
import { study_report } from "./mod.ts";
import { study_report_inputs, type StudyMeasurements } from "./read.ts";
import { separableBest } from "./tables.ts";
import { type Finding, FINDINGS, judge } from "./verdicts.ts";

const CONFIG = {
  ...SAMPLE_CONFIG,
  distant: ["code", "math"],
  facts: [{ name: "a", value: "<b>" }],
};

/** Measurements as inputs of the stage; empty parts are left unwired. */
function wire(all: StudyMeasurements): Record<string, never> {
  const wired: Record<string, unknown> = {};
  for (const [name, input] of Object.entries(study_report_inputs)) {
    const rows: object[] | Record<string, object[]> = all[name as keyof StudyMeasurements];
    const batch = (some: object[]) => batchOf(input.port as TablePort, some);
    if (input.kind === "optional") {
      if (Array.isArray(rows) && rows.length > 0) wired[name] = batch(rows);
      continue;
    }
    const labelled = Array.isArray(rows) ? { all: rows } : rows;
    const filled = Object.entries(labelled).filter(([, some]) => some.length > 0);
    wired[name] = Object.fromEntries(filled.map(([label, some]) => [label, batch(some)]));
  }
  return wired as Record<string, never>;
}

conformance(study_report, [
  { name: "a whole study", config: CONFIG, inputs: wire(sampleMeasurements()) },
  { name: "nothing measured", config: CONFIG, inputs: {} },
]);

async function written(all: StudyMeasurements): Promise<Record<string, string>> {
  const fake = await fakeContext(study_report, { config: CONFIG, inputs: wire(all) });
  await study_report.run(fake.ctx);
  const files = [...fake.collected().report];
  return Object.fromEntries(files.map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]));
}

Deno.test("one page holds every figure, and tables to download", async () => {
  const files = await written(sampleMeasurements());
  const page = files["report.html"];
  const figures = Object.keys(files).filter((name) => name.startsWith("figures/"));
  assert.ok(figures.length >= 15, figures.join());
  for (const name of figures) {
    assert.ok(page.includes(`id="figure-${name.slice(8, -4)}"`), name);
  }
  const tables = Object.keys(files).filter((name) => name.endsWith(".csv"));
  assert.ok(tables.length >= 9, tables.join());
  for (const name of tables) {
    const csv = btoa(String.fromCharCode(...new TextEncoder().encode(files[name])));
    assert.ok(page.includes(`data:text/csv;base64,${csv}`), name);
    assert.ok(files[name.replace(".csv", ".arrow")].startsWith("ARROW1"), name);
  }
  assert.ok(page.includes("&lt;b&gt;") && !page.includes("<b>"));
  assert.ok(!/src=|http-equiv|<script/.test(page));
  assert.ok(files["summary.txt"].split("\n").every((line) => line.length <= 100));
});

Deno.test("what is not there is said, and leaves the rest", async () => {
  const all = sampleMeasurements();
  const page =
    (await written({ ...all, cka: {}, shift: {}, proximity: [], correlation: [] }))["report.html"];
  assert.ok(page.includes("Left out: no CKA table was given."));
  assert.ok(page.includes("Left out: no proximities were given."));
  assert.ok(page.includes("not measured"));
});

const effect = (ci_low: number, ci_high: number) => {
  return { label: "a - b", difference: (ci_low + ci_high) / 2, ci_low, ci_high };
};

Deno.test("a verdict takes every interval on one side", () => {
  assert.equal(judge([]), "not measured");
  assert.equal(judge([effect(-2, -1), effect(-0.2, -0.1)]), "supported");
  assert.equal(judge([effect(-2, -1), effect(-0.2, 0.1)]), "undecided");
  assert.equal(judge([effect(-2, -1), effect(0.1, 0.2)]), "not supported");
  assert.equal(judge([effect(-0.1, 0.3), effect(-0.2, 0.4)]), "not supported");
  assert.equal(
    judge([{ ...effect(0, 0), difference: 0.5, ci_low: NaN, ci_high: NaN }]),
    "undecided",
  );
});

const verdicts = (all: StudyMeasurements) =>
  FINDINGS.map((finding): Finding => finding(CONFIG, all)).map(({ verdict }) => verdict);

Deno.test("verdicts turn with the numbers", () => {
  const all = sampleMeasurements();
  const BRIDGE = 2;
  const correlated = (ci_low: number, r: number) => ({
    ...all,
    correlation: all.correlation.map((row) => ({ ...row, r, ci_low, ci_high: r + 0.1 })),
  });
  assert.equal(verdicts(correlated(0.2, 0.5))[BRIDGE], "supported");
  assert.equal(verdicts(correlated(-0.2, 0.3))[BRIDGE], "undecided");
  assert.equal(verdicts(correlated(-0.6, -0.1))[BRIDGE], "not supported");
  const worse = all.comparison.map((row) => ({ ...row, difference: 1, ci_low: 0.9, ci_high: 1.1 }));
  assert.equal(verdicts({ ...all, comparison: worse })[0], "not supported");
  const better = all.comparison.map((row) => ({
    ...row,
    difference: -1,
    ci_low: -1.1,
    ci_high: -0.9,
  }));
  assert.equal(verdicts({ ...all, comparison: better })[0], "supported");
  const shifts = (of_arm: number) =>
    Object.fromEntries(
      Object.entries(all.shift).map(([pair, rows]) => [
        pair,
        rows.map((row) => {
          const shift = row.model_a === "control" ? 0.5 : of_arm;
          return { ...row, shift, ci_low: shift - 0.1, ci_high: shift + 0.1 };
        }),
      ]),
    );
  assert.equal(verdicts({ ...all, shift: shifts(0.2) }).at(-1), "supported");
  assert.equal(verdicts({ ...all, shift: shifts(0.45) }).at(-1), "undecided");
  assert.equal(verdicts({ ...all, shift: shifts(0.9) }).at(-1), "not supported");
});

Deno.test("nothing measured gives no verdict", () => {
  const empty = Object.fromEntries(
    Object.entries(sampleMeasurements()).map((
      [name, rows],
    ) => [name, Array.isArray(rows) ? [] : {}]),
  ) as unknown as StudyMeasurements;
  assert.ok(verdicts(empty).every((verdict) => verdict === "not measured"));
});

Deno.test("the best is marked only where it can be told from the second", () => {
  const all = sampleMeasurements();
  const arms = all.arms.slice(0, 2);
  const losses = (first: number[], second: number[]): StudyMeasurements => ({
    ...all,
    comparison: [first, second].map((values, i) => ({
      ...all.comparison[0],
      arm: arms[i].arm,
      target: "pycode",
      source: "pycode",
      loss_after: values.reduce((sum, loss) => sum + loss) / values.length,
    })),
    runs: [first, second].flatMap((values, i) =>
      values.map((loss_after, seed) => {
        return {
          ...all.runs[0],
          arm: arms[i].arm,
          target: "pycode",
          source: "pycode",
          seed,
          loss_after,
        };
      })
    ),
  });
  const clear = losses([1, 1.1, 1.2], [2, 2.11, 2.2]);
  assert.equal(separableBest(clear, arms, "pycode", "pycode"), arms[0].arm);
  const noisy = losses([1, 2, 3], [2, 1.2, 3.1]);
  assert.equal(separableBest(noisy, arms, "pycode", "pycode"), undefined);
});
