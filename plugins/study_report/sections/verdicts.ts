/**
 * The verdicts on the paper's findings.
 *
 * @module
 */
import {
  decimals,
  percent,
  type Section,
  section,
  shownTable,
  tableFile,
} from "@causeway/core/report";
import { judgeAll } from "../findings/mod.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { modelOf, paperVerdicts } from "../paper/compare.ts";
import { type Finding, SHARED_RULE } from "../verdict.ts";
import { coverage } from "./method.ts";

const COLUMNS = {
  id: "utf8",
  specialised: "utf8",
  from: "utf8",
  finding: "utf8",
  verdict: "utf8",
  paper_verdict: "utf8",
  detectable: "nullable<float64>",
  unit: "utf8",
  numbers: "utf8",
  note: "utf8",
  rule: "utf8",
} as const;

/** A verdict on each finding, with its rule, its numbers and its power. */
export function verdictSection(config: StudyReportConfig, all: StudyMeasurements): Section {
  const findings = judgeAll(config, all);
  const of_paper = paperVerdicts(config);
  const rows = findings.map((each) => ({
    ...each,
    specialised: each.specialised ?? "",
    numbers: each.numbers.join("; "),
    paper_verdict: of_paper?.(each) ?? "",
  }));
  const table = shownTable("The paper's findings, judged by the numbers of this run.", findings, {
    "~finding and rule": ({ finding, from, rule }) => {
      return { text: `${finding} (${from})`, note: rule };
    },
    verdict: ({ verdict, note }) => ({ text: verdict, strong: true, note }),
    ...(of_paper && { [`paper (${modelOf(config)})`]: of_paper }),
    "#could tell": powerOf,
    "~numbers": ({ numbers }) => numbers.map(unbroken).join("\n"),
  }, tableFile("verdicts", { columns: COLUMNS }, rows));
  return section("verdicts", "Verdicts", {
    paragraphs: [
      `Differences are in nats per token; negative is better. ${SHARED_RULE} ${
        coverage(all.comparison)
      }`,
      chance(all),
      '"v1" and "v2": the version of the paper that a finding is from; "here": what the paper leaves open. "Could tell": ' +
      "the smallest difference that a two-sided 5% test of this design finds with 80% power, the largest of a finding's " +
      "differences; a true effect below it is likely to be undecided.",
      ...(of_paper
        ? [
          'The paper publishes means without intervals: its own numbers are judged by the same rules, by their signs alone; "not ' +
          'measured" where it publishes no numbers.',
        ]
        : []),
    ],
    blocks: [table],
  });
}

function chance({ comparison }: StudyMeasurements): string {
  const intervals = comparison.filter(({ ci_low }) => Number.isFinite(ci_low)).length;
  if (intervals === 0) {
    return "No differences have intervals: nothing here is more than an observation.";
  }
  return `Arms are compared with their controls in ${intervals} paired 95% intervals, and with each other in more. They are ` +
    `not corrected for multiple comparisons: without any true difference, about ${
      decimals(intervals / 20, 0)
    } of ${intervals} would exclude 0 by chance.`;
}

/** "0.034 nats", "1.2%"; empty if unknown. */
export function powerOf({ detectable, unit }: Finding): string {
  if (detectable === null) return "";
  if (unit === "share") return percent(detectable);
  return `${decimals(detectable, unit === "nats" ? 3 : 5)} ${unit}`;
}

/** Keeps both ends of an interval on one line. */
function unbroken(text: string): string {
  return text.replace(/\[\S+ \S+\]/g, (interval) => interval.replace(" ", "\u00a0"));
}
