/**
 * The results as plain text, for the terminal. Under 100 columns wide.
 *
 * @module
 */
import { decimals } from "../../core/report/mod.ts";
import type { StudyReportConfig } from "./config.ts";
import { findComparison, mainArms } from "./effects.ts";
import type { StudyMeasurements } from "./read.ts";
import { separableBest } from "./tables.ts";
import type { Finding } from "./verdicts.ts";

const LABEL_WIDTH = 28;
const CELL_WIDTH = 17;

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
    const mark = separableBest(all, arms, target, target) === arm ? "*" : " ";
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
  return [config.title, "", ...table, ...verdicts].map((text) => text.trimEnd()).join("\n") + "\n";
}
