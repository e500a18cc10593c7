import assert from "node:assert/strict";
import { modelPairs, similarityMatrix } from "@causeway/core/report";
import { targetLabel } from "../effects.ts";
import { exposureLines } from "../exposure.ts";
import { armStyles } from "../styles.ts";
import { sampleMeasurements } from "../testdata/sample.ts";
import { ARMS, SAMPLE_CONFIG } from "../testdata/sample_arms.ts";
import { sampleCka } from "../testdata/sample_tables.ts";
import { alongRun } from "./along_run.ts";
import { pairLabel, rank, shiftPanels } from "./cka.ts";
import { continuedPanels } from "./continued.ts";
import { exposurePanels } from "./exposure.ts";
import { gridLinePoints, grids } from "./grid.ts";
import { ratePanels, rateText } from "./learning_rates.ts";
import { lossPanels } from "./mixtures.ts";
import { legPoints, legSums } from "./legs.ts";
import { lineEnds, proximityPoints, similarityOrder } from "./proximity.ts";
import { taskPanels } from "./tasks.ts";
import { armPaths, curvesOf } from "./training.ts";
import { tuningPanels } from "./tuning.ts";

const all = sampleMeasurements();
const find = (arm: string, target: string, source: string) =>
  all.comparison.find((row) => row.arm === arm && row.target === target && row.source === source)!;

Deno.test("losses are of the main arms on the requested source, with the matched one marked", () => {
  const panels = lossPanels(SAMPLE_CONFIG, all, () => "c4");
  assert.deepEqual(panels.map(({ label }) => label), ["Pycode", "GSM8K", "LIMA", "SciQ"]);
  const lima = panels[2];
  assert.deepEqual(lima.rows.map(({ arm }) => arm), [
    "control",
    "code",
    "math",
    "flan",
    "knowledge_qa",
    "dclm",
  ]);
  assert.equal(lima.control, find("control", "lima", "c4").loss_after);
  assert.equal(lima.rows[3].loss_after, find("flan", "lima", "c4").loss_after);
  const fitting = lima.rows.filter(({ matched }) => matched);
  assert.deepEqual(fitting.map(({ arm }) => arm), ["flan", "dclm"]);
});

Deno.test("continued pretraining is shown with midtraining on the same source", () => {
  const [code, math] = continuedPanels(SAMPLE_CONFIG, all);
  assert.deepEqual([code.specialised, math.specialised], ["code", "math"]);
  assert.deepEqual(code.in_domain.map(({ arm }) => arm), [
    "code",
    "code_only_from_67",
    "code_only_from_80",
  ]);
  assert.equal(code.general[1].difference, find("code_only_from_67", "pycode", "c4").difference);
});

Deno.test("the grid includes the main mixture, and has lines along start and weight", () => {
  const [grid, ...others] = grids(SAMPLE_CONFIG, all);
  assert.deepEqual([grid.specialised, grid.target, others.length], ["code", "Pycode", 0]);
  assert.equal(grid.in_domain.length, 11);
  const main = grid.in_domain.find(({ start, weight }) => start === 10 && weight === 20)!;
  assert.equal(main.difference, find("code", "pycode", "pycode").difference);
  const { by_start, by_weight } = gridLinePoints(grid.in_domain);
  assert.deepEqual(by_start.map(({ x }) => x), [10, 33, 50, 67, 80]);
  assert.deepEqual(new Set(by_start.map(({ series }) => series)), new Set(["weight 20%"]));
  assert.deepEqual(by_weight.map(({ series, x }) => `${series}: ${x}`), [
    ...[10, 20, 40, 80].map((weight) => `start at 33%: ${weight}`),
    ...[10, 20, 40, 80].map((weight) => `start at 67%: ${weight}`),
  ]);
  assert.equal(by_start[0].low, main.ci_low);
});

Deno.test("checkpoints along the run end with the whole arms", () => {
  const { in_domain, general } = alongRun(SAMPLE_CONFIG, all)!;
  const of_arm = in_domain.filter(({ series }) => series === "code 20% from 10%");
  assert.deepEqual(of_arm.map(({ arm }) => arm), [
    "code_at_33",
    "code_at_50",
    "code_at_80",
    "code",
  ]);
  const of_control = general.filter(({ series }) => series === "control (c4 only)");
  assert.deepEqual(of_control.map(({ end }) => end), [33, 50, 80, 100]);
  assert.equal(of_arm[0].reference, "control_at_33");
  assert.equal(of_control[0].loss_after, find("control_at_33", "pycode", "c4").loss_after);
});

Deno.test("the similarity matrix is complete and ordered: general, sources, mixtures, targets, the rest", () => {
  const { names, cells } = similarityMatrix(all.similarity, {
    order: similarityOrder(SAMPLE_CONFIG, all),
    shown: (name) => targetLabel(SAMPLE_CONFIG, name),
  });
  assert.deepEqual([names[0], names[1], names[6], names[11], names[15]], [
    "c4",
    "code",
    "code 20% from 10%",
    "Pycode",
    "mbpp",
  ]);
  assert.equal(cells.length, 16 * 16);
  const value = (x: string, y: string) => cells.find((cell) => cell.x === x && cell.y === y)!.value;
  const given = all.similarity.find(({ a, b }) => a === "code" && b === "pycode")!.similarity;
  assert.deepEqual([value("code", "Pycode"), value("Pycode", "code")], [given, given]);
});

Deno.test("improvement is in per cent, and the line is least squares through all points", () => {
  const points = proximityPoints(SAMPLE_CONFIG, all);
  assert.equal(points.length, 20);
  assert.deepEqual(points[0], {
    series: "code 20% from 10%",
    text: "Pycode",
    x: all.proximity[0].advantage,
    y: 100 * all.proximity[0].relative_improvement!,
    faded: false,
  });
  assert.equal(points.filter(({ faded }) => !faded).length, SAMPLE_CONFIG.matched.length);
  const line = (x: number) => ({ series: "", text: "", x, y: 1 + 2 * x });
  assert.deepEqual(lineEnds([0, 1, 3].map(line)), [{ x: 0, y: 1 }, { x: 3, y: 7 }]);
  assert.deepEqual(lineEnds([0, 1].map(line)), []);
});

Deno.test("legs are distances; the area is the gain, a loss is open; sums, longer and shorter", () => {
  const points = legPoints(SAMPLE_CONFIG, all);
  const [{ general_to_mixture, mixture_to_target }] = all.legs;
  assert.deepEqual([points[0].x, points[0].y], [1 - general_to_mixture, 1 - mixture_to_target]);
  assert.deepEqual([points[0].series, points[0].text], ["code 20% from 10%", "Pycode"]);
  const gains = all.proximity.map(({ relative_improvement }) => relative_improvement!);
  const largest = gains.indexOf(Math.max(...gains));
  assert.equal(points[largest].area, Math.max(...points.map(({ area }) => area!)));
  const worse = {
    ...all,
    proximity: all.proximity.map((row) => ({ ...row, relative_improvement: -0.1 })),
  };
  assert.ok(legPoints(SAMPLE_CONFIG, worse).every(({ open }) => open));
  const [sum, longer, shorter] = legSums(all).map(({ points }) => points[0].x);
  const legs = [points[0].x, points[0].y];
  assert.deepEqual([sum, longer, shorter], [
    legs[0] + legs[1],
    Math.max(...legs),
    Math.min(...legs),
  ]);
});

Deno.test("curves of fine-tuning: the control and matched arms, means over runs, differences by step", () => {
  const panels = tuningPanels(SAMPLE_CONFIG, all);
  assert.deepEqual(panels.map(({ target }) => target), ["Pycode", "GSM8K", "LIMA", "SciQ"]);
  const [pycode, , lima] = panels;
  const series = (
    points: readonly { series: string }[],
  ) => [...new Set(points.map((p) => p.series))];
  assert.deepEqual(series(pycode.training), ["control (c4 only)", "code 20% from 10%"]);
  assert.deepEqual(series(lima.training).slice(1), ["FLAN 5% from 67%", "DCLM 20% from 67%"]);
  assert.deepEqual(pycode.runs, [3, 3]);
  // Arms of the sample differ by 0.03 for each place in the list, at every step.
  assert.ok(pycode.difference.every(({ y }) => Math.abs(y + 0.03) < 1e-12));
  assert.deepEqual(
    pycode.held_out.filter((p) => p.series === "code 20% from 10%").map(({ x }) => x),
    [
      0,
      50,
      100,
    ],
  );
  const { tuning } = all;
  const run = tuning["code.pycode.1"];
  const trunks = {
    ...tuning,
    "code.pycode.1_t2": run,
    "code_t2.pycode.1": run,
    "code.pycodes.1": run,
  };
  assert.deepEqual(tuningPanels(SAMPLE_CONFIG, { ...all, tuning: trunks })[0].runs, [3, 5]);
});

Deno.test("exposure: a line at equal weight, and one at equal specialised tokens from step 0 on", () => {
  const lines = exposureLines(all);
  assert.deepEqual(lines.map(({ estimand, arms }) => [estimand, arms.map(({ arm }) => arm)]), [
    ["equal weight", [
      "code",
      "code_20_from_33",
      "code_20_from_50",
      "code_20_from_67",
      "code_20_from_80",
    ]],
    [
      "equal specialised tokens",
      ["code_18_from_scratch", "code", "code_27_from_33", "code_54_from_67", "code_90_from_80"],
    ],
  ]);
  const [in_domain, general] = exposurePanels(SAMPLE_CONFIG, all);
  assert.deepEqual([in_domain.title, general.title], ["Pycode", "c4, after Pycode"]);
  assert.equal(in_domain.rows.length, 10);
});

Deno.test("every arm has the colour of its source in all figures", () => {
  const styles = armStyles(all, all.arms);
  const colourOf = (arm: string) => styles[all.arms.findIndex((each) => each.arm === arm)].colour;
  assert.equal(
    new Set(["control", "code", "math", "flan", "knowledge_qa", "dclm"].map(colourOf)).size,
    6,
  );
  for (const arm of ["code_only_from_67", "code_at_33", "code_18_from_scratch"]) {
    assert.equal(colourOf(arm), colourOf("code"));
  }
});

Deno.test("every pair of models once, changes by fine-tuning first", () => {
  const rows = sampleCka("code").filter(({ probe }) => probe === "c4");
  const mirrored = rows.map((row) => ({
    ...row,
    model_a: row.model_b,
    model_b: row.model_a,
    layer_a: row.layer_b,
    layer_b: row.layer_a,
  }));
  for (const table of [rows, [...rows, ...mirrored]]) {
    const pairs = modelPairs(table, rank);
    assert.deepEqual(pairs.map(({ a, b }) => [a, b]), [
      ["control", "control_sft"],
      ["code", "code_sft"],
      ["control", "code"],
      ["control_sft", "code_sft"],
      ["control", "code_sft"],
      ["control_sft", "code"],
    ]);
    assert.ok(pairs.every(({ cells }) => cells.length === 25));
  }
  const [{ cells }] = modelPairs(rows, rank);
  const given = rows.find((row) =>
    row.model_a === "control" && row.model_b === "control_sft" && row.layer_a === 1 &&
    row.layer_b === 3
  )!;
  assert.equal(cells.find(({ x, y }) => x === 1 && y === 3)!.value, given.cka);
});

Deno.test("shifts have intervals, and pairs are labelled by arm and target", () => {
  const [{ label, dots }] = shiftPanels(all.shift);
  const { shift, ci_low } = all.shift.code_pycode[0];
  assert.deepEqual([dots[0].label, dots[0].value, dots[0].low], [
    "control – control, tuned",
    shift,
    ci_low,
  ]);
  assert.equal(pairLabel(SAMPLE_CONFIG, all, label), "code 20% from 10%, Pycode");
  assert.equal(pairLabel(SAMPLE_CONFIG, all, "something"), "something");
});

Deno.test("sweeps: the best is the given one, diverged rates are counted, outliers are above the frame", () => {
  const [pycode, gsm8k] = ratePanels(SAMPLE_CONFIG, all);
  assert.deepEqual([pycode.rows.length, pycode.diverged, gsm8k.diverged], [11, 1, 2]);
  assert.equal(pycode.best?.loss, all.best.pycode[0].loss);
  assert.ok(pycode.rows.every(({ source }) => source === "pycode"));
  const rates = structuredClone(all.rates);
  rates.pycode[0].loss = 50;
  const [panel] = ratePanels(SAMPLE_CONFIG, { ...all, rates });
  assert.ok(panel.top < 4 && panel.rows[0].loss === 50);
  assert.deepEqual([3.2e-4, 1e-3].map(rateText), ["3.2e-4", "1e-3"]);
});

Deno.test("phases belong to the arm they are named after, the trunk to all arms", () => {
  const at = (step: number) => [{ step, loss: step }];
  const phases = {
    code: at(6),
    code_to_3: at(3),
    code_10_from_33: at(4),
    trunk_to_6: at(6.5),
    trunk_to_2: at(2),
    rates: at(9),
  };
  const arms = [...ARMS, { ...ARMS[1], arm: "code_10_from_33", kind: "ablation" }];
  const { trunk, own } = armPaths(arms, phases);
  assert.deepEqual(trunk.map(({ step }) => step), [2, 6.5]);
  assert.deepEqual(own.map(({ rows }) => rows.map(({ step }) => step)), [[3, 6]]);
});

Deno.test("an arm's curve begins where it branches off the trunk, which is drawn once", () => {
  const { general, difference, training } = curvesOf(SAMPLE_CONFIG, all);
  const math = general.filter(({ series }) => series === "math 12% from 33%");
  assert.deepEqual(math.map(({ x }) => x), [200, 300, 450, 600]);
  const of_math = difference.filter(({ series }) => series === "math 12% from 33%");
  assert.deepEqual(of_math.map(({ y }) => Math.round(1e6 * y)), [0, 6667, 16667, 26667]);
  const shared = training.filter(({ series, x }) => series.startsWith("control") && x < 60);
  const early = training.filter(({ x }) => x < 55);
  assert.ok(shared.length > 5 && early.every(({ series }) => series.startsWith("control")));
});

Deno.test("tasks are in per cent, by metric, labelled by arm and target", () => {
  const panels = taskPanels(SAMPLE_CONFIG, all);
  assert.deepEqual(panels.map(({ task, metric }) => `${task} ${metric}`), [
    "gsm8k exact_match",
    "gsm8k answered",
    "mbpp pass@1",
    "mbpp pass@10",
    "mbpp parses",
  ]);
  const [, math] = panels[0].dots;
  assert.deepEqual([math.label, math.value, math.high], ["math 12% from 33%, GSM8K", 3, 8]);
});
