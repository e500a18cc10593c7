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
  type ShownTable,
  shownTable,
  signed,
  tableFile,
} from "../../../core/report/mod.ts";
import { study_ports } from "../../../core/stage/mod.ts";
import { forgettingFigure, mixturesFigure } from "../charts/mod.ts";
import { findComparison, mainArms } from "../effects.ts";
import { LOSS_NOTE, lossTable } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** A verdict on each finding, with its rule and its numbers. */
export function verdictSection({ findings, all }: Material): Section {
  const intervals = all.comparison.filter(({ ci_low }) => Number.isFinite(ci_low)).length;
  const table = shownTable("What the numbers of this run say of the paper's findings.", findings, {
    finding: ({ finding }) => finding,
    verdict: ({ verdict }) => ({ text: verdict, strong: true }),
    numbers: ({ numbers }) => numbers,
    rule: ({ rule }) => rule,
  });
  return section("verdicts", "Verdicts", {
    paragraphs: [
      "Differences are in nats per token; below 0 is better. Intervals are of 95%, over seeds of fine-tuning: " +
      "pretraining and midtraining were done once, so they say nothing of how another pretraining would come out. " +
      `There are ${intervals} paired intervals in this report, not corrected for their number: one in twenty would ` +
      "exclude 0 by chance alone.",
    ],
    blocks: [table],
  });
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

/** General loss before and after fine-tuning. */
function forgettingTable({ config: { general, targets }, all }: Material): ShownTable {
  const rows = mainArms(all).flatMap(({ arm, label }) =>
    targets.flatMap(({ name, label: tuned_on }) => {
      const row = findComparison(all, arm, name, general);
      return row ? [{ label, tuned_on, ...row }] : [];
    })
  );
  return shownTable(
    `Forgetting: loss on ${general} before and after fine-tuning, mean over seeds, nats per token.`,
    rows,
    {
      arm: ({ label }) => label,
      "fine-tuned on": ({ tuned_on }) => tuned_on,
      "#before": ({ loss_before }) => decimals(loss_before),
      "#after": ({ loss_after }) => decimals(loss_after),
      "#forgetting": ({ loss_before, loss_after }) => signed(loss_after - loss_before),
      "#sd of after": ({ sd_after }) => decimals(sd_after),
    },
  );
}
