/**
 * The study_report stage: the measurements of a whole study on a page that opens from disk, with a verdict on each finding
 * of the paper.
 *
 * @module
 */
import { decimals, writeReport } from "@causeway/core/report";
import { defineStage, files } from "@causeway/core/stage";
import { findComparison, mainArms } from "./effects.ts";
import { FINDINGS } from "./findings.ts";
import {
  readMeasurements,
  study_report_config,
  study_report_inputs,
  type StudyMeasurements,
  type StudyReportConfig,
} from "./inputs.ts";
import { SECTIONS } from "./sections/mod.ts";
import { bestArm } from "./tables.ts";
import type { Finding } from "./verdict.ts";

export { study_report_config, type StudyReportConfig } from "./inputs.ts";

/**
 * Output: `report.html` (self-contained, with tables for download), `summary.txt`, `results.json`, `figures/*.svg`,
 * `tables/*.csv` and `tables/*.arrow`. An input that is not wired leaves its section out, and the page says so.
 */
export const study_report = defineStage({
  name: "study_report",
  version: "4",
  description: "Tables and figures of a study on one page, with a verdict on each finding.",
  config: study_report_config,
  inputs: study_report_inputs,
  outputs: { report: files("report", "report.html, summary.txt, results.json, figures, tables") },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const all = await readMeasurements(inputs);
    const findings = FINDINGS.map((judge) => judge(config, all));
    await writeReport({ signal, report, to: outputs.report }, {
      head: config,
      sections: SECTIONS.map((make) => () => make(config, all)),
      numbers: { config, findings, measurements: all },
      summary: renderSummary(config, all, findings),
    });
  },
});

const LABEL_WIDTH = 28;
const CELL_WIDTH = 17;

const CAVEAT = [
  "Intervals cover fine-tuning seeds and are not corrected for multiple comparisons; pretraining ran",
  "once. report.html has the rules and numbers of the verdicts.",
];

/** The main table and the verdicts as plain text for the terminal, less than 100 columns wide. */
function renderSummary(
  config: StudyReportConfig,
  all: StudyMeasurements,
  findings: readonly Finding[],
): string {
  const targets = config.targets.slice(0, 4);
  const arms = mainArms(all);
  const cell = (arm: string, target: string) => {
    const row = findComparison(all, arm, target, target);
    if (!row) return "";
    const best = bestArm(all, arms, target, target);
    const mark = best?.arm === arm && best.separable ? "*" : " ";
    const sd = row.sd_after !== null ? ` ± ${decimals(row.sd_after)}` : "";
    return `${decimals(row.loss_after)}${sd}${mark}`;
  };
  const line = (label: string, cells: readonly string[]) =>
    label.slice(0, LABEL_WIDTH - 1).padEnd(LABEL_WIDTH) +
    cells.map((text) => text.padStart(CELL_WIDTH)).join("");
  const table = arms.length === 0 ? [] : [
    "Loss on the target after fine-tuning, nats per token (*: below the second best, 95%)",
    line("", targets.map(({ label }) => label)),
    ...arms.map(({ arm, label }) => line(label, targets.map(({ name }) => cell(arm, name)))),
    "",
  ];
  const verdicts = findings.map(({ finding, verdict }) => `${verdict.padEnd(14)} ${finding}`);
  return [config.title, "", ...table, ...verdicts, "", ...CAVEAT]
    .map((text) => text.trimEnd()).join("\n") + "\n";
}
