import assert from "node:assert/strict";
import type { Figure } from "@causeway/core/report";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { sampleMeasurements } from "../testdata/sample.ts";
import { SAMPLE_CONFIG } from "../testdata/sample_arms.ts";
import { sampleCka } from "../testdata/sample_tables.ts";
import { trunkSample } from "../testdata/trunks.ts";
import { SECTIONS } from "./mod.ts";

const EMPTY: StudyMeasurements = {
  arms: [],
  runs: [],
  comparison: [],
  proximity: [],
  correlation: [],
  legs: [],
  similarity: [],
  cka: {},
  shift: {},
  rates: {},
  best: {},
  training: {},
  validation: {},
  tuning: {},
  tuning_validation: {},
  mixtures: {},
  tasks: [],
  evaluation: [],
  data: [],
};

/** All figures of the page, by name. */
async function drawAll(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Map<string, Figure>> {
  const sections = await Promise.all(SECTIONS.map((make) => make(config, all)));
  const blocks = sections.flatMap(({ blocks }) => blocks);
  return new Map(blocks.flatMap((block) => "svg" in block ? [[block.name, block]] : []));
}

/** Texts that a figure shows. */
function textsOf({ svg }: Figure): string[] {
  return svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)
    .filter(([, attributes]) => !/opacity="0"/.test(attributes))
    .map(([, , text]) => text).toArray();
}

const drawn = await drawAll(SAMPLE_CONFIG, sampleMeasurements());

Deno.test("a complete study has every figure, none wider than the page", () => {
  assert.deepEqual([...drawn.keys()].sort(), [
    "along_run",
    "cka_code_pycode_c4",
    "cka_code_pycode_mbpp",
    "cka_math_gsm8k_c4",
    "cka_math_gsm8k_mbpp",
    "continued",
    "curves",
    "exposure",
    "final_layer_shift",
    "forgetting",
    "grid_code",
    "grid_lines_code",
    "grid_losses_code",
    "learning_rates",
    "leg_sums",
    "legs",
    "mixtures",
    "proximity",
    "similarity",
    "tasks",
    "tuning",
  ]);
  for (const { name, width } of drawn.values()) assert.ok(width <= 760, `${name}: ${width}`);
});

Deno.test("figures are described, and show no NaN", () => {
  for (const { name, title, caption, svg } of drawn.values()) {
    assert.match(svg, new RegExp(`aria-labelledby="${name}-title ${name}-desc"`));
    assert.ok(title.length > 10 && caption.length > 60, name);
    assert.doesNotMatch(svg + caption, /NaN|undefined|Infinity/, name);
  }
});

Deno.test("labels are complete, even long ones", () => {
  const expected: Record<string, string[]> = {
    mixtures: ["KnowledgeQA 20% from 67%", "control (c4 only)", "Pycode", "SciQ", "2.000"],
    forgetting: ["KnowledgeQA 20% from 67%", "LIMA", "4.000"],
    continued: ["code alone from 80%", "math 12% from 33%", "c4, after GSM8K"],
    exposure: ["equal weight", "equal specialised tokens", "c4, after Pycode"],
    tuning: ["Pycode: arm − control", "LIMA: held-out loss", "DCLM 20% from 67%"],
    grid_losses_code: ["weight (% of tokens)", "Pycode"],
    grid_code: ["weight (% of tokens)", "33"],
    grid_lines_code: ["weight 20%", "start at 33%", "start at 67%"],
    along_run: ["control (c4 only)", "code 20% from 10%", "c4, after Pycode"],
    similarity: ["KnowledgeQA 20% from 67%", "mbpp", "Pycode", "1.00"],
    proximity: [
      "KnowledgeQA 20% from 67%",
      "GSM8K",
      "r = 0.50 (-0.10 to 0.80), nominal p = 0.025, n = 20",
    ],
    legs: ["DCLM 20% from 67%", "GSM8K", "distance of c4 and the mixture (1 - similarity)"],
    leg_sums: ["distance (0 to 1 each)", "relative improvement (%)"],
    cka_code_pycode_c4: ["control, tuned", "code, tuned", "1.00"],
    final_layer_shift: ["code 20% from 10%, Pycode", "code – code, tuned", "mbpp"],
    learning_rates: ["GSM8K", "3.2e-4"],
    curves: ["KnowledgeQA 20% from 67%", "control and shared trunk"],
    tasks: ["mbpp: pass@10", "KnowledgeQA 20% from 67%, Pycode", "10.0%"],
  };
  for (const [name, labels] of Object.entries(expected)) {
    const texts = textsOf(drawn.get(name)!);
    for (const label of labels) assert.ok(texts.includes(label), `${name}: ${label}`);
  }
});

Deno.test("the same measurements give the same bytes", async () => {
  const again = await drawAll(SAMPLE_CONFIG, sampleMeasurements());
  for (const [name, figure] of drawn) assert.deepEqual(again.get(name), figure, name);
});

Deno.test("what was not measured has no figure", async () => {
  assert.equal((await drawAll(SAMPLE_CONFIG, EMPTY)).size, 0);
  const all = sampleMeasurements();
  all.arms = all.arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
  const names = [...(await drawAll(SAMPLE_CONFIG, all)).keys()];
  assert.ok(names.includes("mixtures") && names.includes("proximity"));
  for (const name of ["along_run", "continued", "grid_code", "exposure"]) {
    assert.ok(!names.includes(name), name);
  }
});

Deno.test("one seed and one target: points without bars, and captions that say so", async () => {
  const config = { ...SAMPLE_CONFIG, targets: SAMPLE_CONFIG.targets.slice(0, 1) };
  const narrow = await drawAll(config, sampleMeasurements(1));
  for (const name of ["mixtures", "forgetting"]) {
    assert.match(narrow.get(name)!.caption, /One seed: no standard deviations/);
    assert.ok(!textsOf(narrow.get(name)!).includes("GSM8K"));
  }
  for (const name of ["continued", "grid_lines_code", "along_run"]) {
    assert.match(narrow.get(name)!.caption, /One seed: no intervals/);
  }
  assert.match(
    drawn.get("continued")!.caption,
    /3 seeds; bars: their confidence intervals over fine/,
  );
  const trunks = (await drawAll(SAMPLE_CONFIG, trunkSample())).get("continued")!.caption;
  assert.match(trunks, /3 trunks of 2 seeds; bars: their confidence intervals over trunks/);
});

Deno.test("many layers leave no room for numbers in the cells", async () => {
  const all = { ...EMPTY, cka: { code_pycode: sampleCka("code", 13) } };
  const [figure] = (await drawAll(SAMPLE_CONFIG, all)).values();
  assert.ok(!textsOf(figure).includes("1.00"));
  assert.ok(figure.width <= 760);
});

Deno.test("CKA: four comparisons by default, a figure for each probe and kind of rows", async () => {
  const positions = sampleCka("code").filter(({ probe }) => probe === "c4");
  const pooled = positions.map((row) => ({ ...row, rows: "document_mean" }));
  const both = await drawAll(SAMPLE_CONFIG, {
    ...EMPTY,
    cka: { code_pycode: [...positions, ...pooled] },
  });
  assert.deepEqual([...both.keys()], [
    "cka_code_pycode_c4",
    "cka_code_pycode_c4_a_row_per_text",
  ]);
  for (const figure of both.values()) {
    const titles = textsOf(figure).filter((text) => /^(control|code)/.test(text)).sort();
    // Along x and y: each model tuned and untuned, and both models before and after tuning.
    assert.deepEqual(titles, [
      "code",
      "code",
      "code, tuned",
      "code, tuned",
      "control",
      "control",
      "control, tuned",
      "control, tuned",
    ]);
  }
});
