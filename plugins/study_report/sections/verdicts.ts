/**
 * The verdicts on the paper's findings.
 *
 * @module
 */
import { decimals, type Section, section, shownTable, tableFile } from "@causeway/core/report";
import { FINDINGS } from "../findings.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";

const COLUMNS = { finding: "utf8", verdict: "utf8", numbers: "utf8", rule: "utf8" } as const;

/** A verdict on each finding, with its rule and its numbers. */
export function verdictSection(config: StudyReportConfig, all: StudyMeasurements): Section {
  const findings = FINDINGS.map((judge) => judge(config, all));
  const intervals = all.comparison.filter(({ ci_low }) => Number.isFinite(ci_low)).length;
  const by_chance = decimals(intervals / 20, 0);
  const rows = findings.map((each) => ({ ...each, numbers: each.numbers.join("; ") }));
  const table = shownTable("The paper's findings, judged by the numbers of this run.", findings, {
    "finding and rule": ({ finding, rule }) => ({ text: finding, note: rule }),
    verdict: ({ verdict }) => ({ text: verdict, strong: true }),
    "~numbers": ({ numbers }) => numbers.map(unbroken).join("\n"),
  }, tableFile("verdicts", { columns: COLUMNS }, rows));
  return section("verdicts", "Verdicts", {
    paragraphs: [
      "Differences are in nats per token; negative is better. 95% intervals cover fine-tuning seeds only: pretraining and " +
      "midtraining ran once, so the intervals do not include the variation between pretraining runs. Arms are compared " +
      `with their controls in ${intervals} paired intervals, and with each other in more. The intervals are not corrected ` +
      `for multiple comparisons: without any true difference, about ${by_chance} of ${intervals} would exclude 0 by chance.`,
    ],
    blocks: [table],
  });
}

/** Keeps both ends of an interval on one line. */
function unbroken(text: string): string {
  return text.replace(/\[\S+ \S+\]/g, (interval) => interval.replace(" ", "\u00a0"));
}
