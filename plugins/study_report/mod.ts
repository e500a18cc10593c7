/**
 * The study_report stage: everything that a study measured, in one page that opens from disk, with a verdict on each
 * finding of the paper.
 *
 * @module
 */
import { filesOf, renderPage, type Section } from "../../core/report/mod.ts";
import { defineStage, files } from "../../core/stage/mod.ts";
import { study_report_config } from "./config.ts";
import { readMeasurements, study_report_inputs } from "./read.ts";
import { alongRunSection, continuedSection, gridSection } from "./sections/experiments.ts";
import { proximitySection, similaritySection } from "./sections/data.ts";
import type { Material } from "./sections/material.ts";
import { ckaSection, tasksSection } from "./sections/models.ts";
import { resultSection, verdictSection } from "./sections/results.ts";
import { curvesSection, methodSection, ratesSection } from "./sections/training.ts";
import { renderSummary } from "./summary.ts";
import { FINDINGS } from "./verdicts.ts";

export { study_report_config, type StudyReportConfig } from "./config.ts";

/** In the order of the page. */
const SECTIONS: readonly ((material: Material) => Section | Promise<Section>)[] = [
  verdictSection,
  resultSection,
  continuedSection,
  gridSection,
  alongRunSection,
  proximitySection,
  similaritySection,
  ckaSection,
  tasksSection,
  ratesSection,
  curvesSection,
  methodSection,
];

/**
 * Output: `report.html` (self-contained, tables to download inside it), `summary.txt`, `results.json`,
 * `figures/*.svg`, `tables/*.csv` and `tables/*.arrow`. Inputs that are not wired leave their part out, with a line
 * saying so.
 */
export const study_report = defineStage({
  name: "study_report",
  version: "1",
  description: "Every table and figure of a study on one page, with a verdict on each finding.",
  config: study_report_config,
  inputs: study_report_inputs,
  outputs: { report: files("report", "report.html, summary.txt, results.json, figures, tables") },
  async run({ config, inputs, outputs: { report: to }, signal, report }) {
    signal.throwIfAborted();
    const all = await readMeasurements(inputs);
    const findings = FINDINGS.map((judge) => judge(config, all));
    const sections: Section[] = [];
    for (const make of SECTIONS) {
      signal.throwIfAborted();
      sections.push(await make({ config, all, findings }));
      report(sections.length, {}, SECTIONS.length);
    }
    for (const block of sections.flatMap(({ blocks }) => blocks)) {
      if ("svg" in block) await to.write(`figures/${block.name}.svg`, block.svg);
    }
    for (const { name, csv, arrow } of filesOf(sections)) {
      await to.write(`tables/${name}.csv`, csv);
      await to.write(`tables/${name}.arrow`, arrow);
    }
    // JSON has no NaN: JSON.stringify writes null for what was not measured.
    const numbers = JSON.stringify({ config, findings, measurements: all }, null, 1);
    await to.write("results.json", `${numbers}\n`);
    await to.write("summary.txt", renderSummary(config, all, findings));
    await to.write("report.html", renderPage(config, sections));
  },
});
