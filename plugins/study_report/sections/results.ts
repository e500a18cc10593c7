/**
 * Verdicts, and the main tables: loss in domain and on general data.
 *
 * @module
 */
import {
  decimals,
  leftOut,
  type Section,
  section,
  type ShownCell,
  type ShownTable,
  shownTable,
  signed,
  type TableFile,
  tableFile,
} from "../../../core/report/mod.ts";
import { study_ports } from "../../../core/stage/mod.ts";
import { forgettingFigure, mixturesFigure } from "../charts/mod.ts";
import { type ArmRow, findComparison, mainArms } from "../effects.ts";
import { armsFile, LOSS_NOTE, lossTable, meanCell } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** A verdict on each finding, with its rule and its numbers. */
export function verdictSection({ findings, all }: Material): Section {
  const intervals = all.comparison.filter(({ ci_low }) => Number.isFinite(ci_low)).length;
  const by_chance = decimals(intervals / 20, 0);
  const table = shownTable("What the numbers of this run say of the paper's findings.", findings, {
    "finding, and the rule for its verdict": ({ finding, rule }) => ({ text: finding, note: rule }),
    verdict: ({ verdict }) => ({ text: verdict, strong: true }),
    "~numbers": ({ numbers }) => numbers.map(unbroken).join("\n"),
  }, verdictsFile(findings));
  return section("verdicts", "Verdicts", {
    paragraphs: [
      "Differences are in nats per token; below 0 is better. Intervals are of 95%, over seeds of fine-tuning: " +
      "pretraining and midtraining were done once, so they say nothing of how another pretraining would come out. " +
      `Arms are compared with their controls in ${intervals} paired intervals, and with each other in some more. None is ` +
      `corrected for their number: were there no differences at all, some ${by_chance} of ${intervals} would exclude 0 ` +
      "by chance.",
    ],
    blocks: [table],
  });
}

/** Keeps the two ends of an interval on one line. */
function unbroken(text: string): string {
  return text.replace(/\[\S+ \S+\]/g, (interval) => interval.replace(" ", "\u00a0"));
}

function verdictsFile(findings: Material["findings"]): TableFile {
  const columns = { finding: "utf8", verdict: "utf8", numbers: "utf8", rule: "utf8" } as const;
  const rows = findings.map((each) => ({ ...each, numbers: each.numbers.join("; ") }));
  return tableFile("verdicts", { columns }, rows);
}

/** Tables 2 and 8 of the paper. */
export async function resultSection(material: Material): Promise<Section> {
  const { config, all } = material;
  const heading = "Mixtures against the control";
  if (all.comparison.length === 0) {
    return leftOut("mixtures", heading, "no comparison was given to the report");
  }
  const arms = mainArms(all);
  const in_domain = lossTable(
    `Loss on the fine-tuning set's held-out part, after fine-tuning (paper, Tables 2 and 8). ${LOSS_NOTE}`,
    config,
    all,
    arms,
    (target) => target,
  );
  const general = lossTable(
    `Loss on ${config.general} after fine-tuning on each target. ${LOSS_NOTE}`,
    config,
    all,
    arms,
    () => config.general,
  );
  in_domain.file = tableFile("comparison", study_ports.study_comparison, all.comparison);
  general.file = tableFile("runs", study_ports.study_runs, all.runs);
  return section("mixtures", heading, {
    blocks: [
      in_domain,
      ...await figures(material, mixturesFigure),
      general,
      forgettingTable(material),
      ...await figures(material, forgettingFigure),
    ],
  });
}

/** General loss before and after fine-tuning: the change, and under it where it comes from. */
function forgettingTable({ config: { general, targets }, all }: Material): ShownTable {
  const columns = targets.map(({ name, label }) => {
    const cell = ({ arm }: ArmRow): ShownCell => {
      const row = findComparison(all, arm, name, general);
      if (!row) return "";
      const change = signed(row.loss_after - row.loss_before);
      return { text: change, note: `${decimals(row.loss_before)} → ${meanCell(row)}` };
    };
    return [`#${label}`, cell] as const;
  });
  return shownTable(
    `Forgetting: change of the loss on ${general} in fine-tuning on each target; under it the loss before and after, mean ` +
      "and standard deviation over seeds, nats per token.",
    mainArms(all),
    { arm: ({ label }) => label, ...Object.fromEntries(columns) },
    armsFile("forgetting", all, mainArms(all), ({ source }) => source === general),
  );
}
