/**
 * The results as plain text, for the terminal. Under 100 columns wide.
 *
 * @module
 */
import { decimals } from "../../core/report/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import { findComparison, mainArms } from "./effects.ts";
import type { StudyMeasurements } from "./read.ts";
import { bestArm } from "./tables.ts";
import type { Finding } from "./finding.ts";

const LABEL_WIDTH = 28;
const CELL_WIDTH = 17;

const CAVEAT = [
  "Intervals are over seeds of fine-tuning and not corrected for their number; pretraining was done",
  "once. Rules and numbers of the verdicts are in report.html.",
];

/** The main table, and the verdicts. */
export function renderSummary(
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
    const sd = Number.isFinite(row.sd_after) ? ` ± ${decimals(row.sd_after)}` : "";
    return `${decimals(row.loss_after)}${sd}${mark}`;
  };
  const line = (label: string, cells: readonly string[]) =>
    label.slice(0, LABEL_WIDTH - 1).padEnd(LABEL_WIDTH) +
    cells.map((text) => text.padStart(CELL_WIDTH)).join("");
  const table = arms.length === 0 ? [] : [
    "Loss on the target after fine-tuning, nats per token (* lower than the second best, 95%)",
    line("", targets.map(({ label }) => label)),
    ...arms.map(({ arm, label }) => line(label, targets.map(({ name }) => cell(arm, name)))),
    "",
  ];
  const verdicts = findings.map(({ finding, verdict }) => `${verdict.padEnd(14)} ${finding}`);
  return [config.title, "", ...table, ...verdicts, "", ...CAVEAT]
    .map((text) => text.trimEnd()).join("\n") + "\n";
}
