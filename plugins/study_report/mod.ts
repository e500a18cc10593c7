/**
 * The study_report stage: the measurements of a whole study on a page that opens from disk, with a verdict on each finding
 * of the paper.
 *
 * @module
 */
import { count, writeReport } from "@causeway/core/report";
import { defineStage, files } from "@causeway/core/stage";
import { findComparison, mainArms } from "./effects.ts";
import { judgeAll } from "./findings/mod.ts";
import {
  readMeasurements,
  study_report_config,
  study_report_inputs,
  type StudyMeasurements,
  type StudyReportConfig,
} from "./inputs.ts";
import { agreementText, modelOf, signRows } from "./paper/compare.ts";
import { coverage } from "./sections/method.ts";
import { SECTIONS } from "./sections/mod.ts";
import { bestArm, meanCell } from "./tables.ts";
import { type Finding, LEAST_TOKENS } from "./verdict.ts";

export { study_report_config, type StudyReportConfig } from "./inputs.ts";

/**
 * Output: `report.html` (self-contained, with tables for download), `summary.txt`, `results.json`, `figures/*.svg`,
 * `tables/*.csv` and `tables/*.arrow`. An input that is not wired leaves its section out, and the page says so.
 */
export const study_report = defineStage({
  name: "study_report",
  version: "5",
  description: "Tables and figures of a study on one page, with a verdict on each finding.",
  config: study_report_config,
  inputs: study_report_inputs,
  outputs: { report: files("report", "report.html, summary.txt, results.json, figures, tables") },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const all = await readMeasurements(inputs);
    const findings = judgeAll(config, all);
    // Curves of fine-tuning are long, and in tables/tuning.csv.
    const { tuning: _, tuning_validation: __, ...measurements } = all;
    await writeReport({ signal, report, to: outputs.report }, {
      head: config,
      sections: SECTIONS.map((make) => () => make(config, all)),
      numbers: { config, findings, measurements },
      summary: renderSummary(config, all, findings),
    });
  },
});

const LABEL_WIDTH = 28;
const CELL_WIDTH = 17;
const VERDICT_WIDTH = 19;
const WIDTH = 100;

/** The main table and the verdicts as plain text for the terminal, at most 100 columns wide. */
function renderSummary(
  config: StudyReportConfig,
  all: StudyMeasurements,
  findings: readonly Finding[],
): string {
  const verdicts = findings.flatMap(({ finding, verdict }) => {
    const [first, ...rest] = wrap(finding, WIDTH - VERDICT_WIDTH);
    return [
      verdict.padEnd(VERDICT_WIDTH) + first,
      ...rest.map((line) => " ".repeat(VERDICT_WIDTH) + line),
    ];
  });
  const untestable = findings.some(({ verdict }) => verdict === "not testable here");
  const caveats = [
    ...(untestable
      ? [`Not testable here: a source has at most ${count(LEAST_TOKENS)} held-out tokens.`]
      : []),
    coverage(all.comparison),
    "Intervals are not corrected for multiple comparisons. report.html has the rules, the numbers and the power of each verdict.",
  ];
  const lines = [
    config.title,
    "",
    ...lossLines(config, all),
    ...verdicts,
    "",
    ...signLines(config, all),
    ...caveats.flatMap((text) => wrap(text, WIDTH)),
  ];
  return lines.map((text) => text.trimEnd()).join("\n") + "\n";
}

function lossLines(config: StudyReportConfig, all: StudyMeasurements): string[] {
  const targets = config.targets.slice(0, 4);
  const arms = mainArms(all);
  const cell = (arm: string, target: string) => {
    const row = findComparison(all, arm, target, target);
    if (!row) return "";
    const best = bestArm(all, arms, target, target);
    return `${meanCell(row)}${best?.arm === arm && best.separable ? "*" : " "}`;
  };
  const line = (label: string, cells: readonly string[]) =>
    label.slice(0, LABEL_WIDTH - 1).padEnd(LABEL_WIDTH) +
    cells.map((text) => text.padStart(CELL_WIDTH)).join("");
  return arms.length === 0 ? [] : [
    "Loss on the target after fine-tuning, nats per token (*: below the second best, 95%)",
    line("", targets.map(({ label }) => label)),
    ...arms.map(({ arm, label }) => line(label, targets.map(({ name }) => cell(arm, name)))),
    "",
  ];
}

/** How many differences have the paper's sign, if it is compared with. */
function signLines(config: StudyReportConfig, all: StudyMeasurements): string[] {
  const rows = signRows(config, all);
  if (rows.length === 0) return [];
  const [in_domain, general] = [true, false].map((side) =>
    agreementText(rows.filter((row) => row.in_domain === side))
  );
  return [
    `Signs as in the paper (${
      modelOf(config)
    }): ${in_domain} in domain, ${general} on ${config.general}`,
    "",
  ];
}

/** Lines of at most `width` characters, broken at spaces; a longer word has a line to itself. */
function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
