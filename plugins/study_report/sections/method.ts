/**
 * What was run: facts of the config, what intervals cover, variance components, cost, arms, mixtures and datasets.
 *
 * @module
 */
import {
  count,
  datasetTable,
  decimals,
  mixtureTable,
  percent,
  type Section,
  section,
  type ShownTable,
  shownTable,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { replicationOf } from "../contrasts.ts";
import { targetLabel } from "../effects.ts";
import type { ComparisonRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";

/** Tables of the method. */
export function methodSection(config: StudyReportConfig, all: StudyMeasurements): Section {
  const facts = shownTable("Facts.", config.facts, {
    what: ({ name }) => name,
    value: ({ value }) => value,
  });
  const arms = shownTable(
    "Arms, with the tokens each was trained on before fine-tuning.",
    all.arms,
    {
      arm: ({ label }) => label,
      kind: ({ kind }) => kind.replaceAll("_", " "),
      adds: ({ specialised }) => specialised,
      "#weight": ({ weight }) => percent(weight),
      "#start": ({ start }) => percent(start),
      "#end": ({ end }) => percent(end),
      "#tokens": ({ tokens }) => count(tokens),
      "#of these specialised": ({ specialised_tokens }) => count(specialised_tokens),
    },
    tableFile("arms", study_ports.study_arms, all.arms),
  );
  return section("method", "Method and limitations", {
    paragraphs: [
      coverage(all.comparison),
      "The results hold for this model size, token budget and data. Do not extrapolate to larger models or other data " +
      "without a run that confirms it.",
    ],
    blocks: [
      facts,
      varianceTable(config, all),
      arms,
      mixtureTable(all.mixtures),
      datasetTable(all.data),
    ].filter(({ rows }) => rows.length > 0),
  });
}

/** What the intervals of a study are over, in two or three sentences. */
export function coverage(rows: readonly ComparisonRow[]): string {
  const trunks = Math.max(1, ...rows.map((row) => row.trunks));
  const documents = rows.some(({ ci_documents_low }) => ci_documents_low !== null)
    ? ' Intervals "with documents" also count the variance of the held-out documents (documents as clusters, linearized; Satterthwaite\'s ' +
      "degrees of freedom)."
    : " The variance of the held-out documents was not measured: another held-out set of the same size would move all numbers.";
  if (replicationOf(rows) === "trunks") {
    return `${trunks} trunks were pretrained with seeds of their own. Intervals are Student's t over trunks: each trunk's ` +
      `mean over its fine-tuning seeds counts once, with ${
        trunks - 1
      } degrees of freedom for ${trunks} trunks.${documents}`;
  }
  return "Pretraining and midtraining ran once: nothing is known about training noise, and no interval on this page includes " +
    "it. Intervals are over fine-tuning seeds only; with other seeds of pretraining, differences can move by several " +
    `times their width.${documents}`;
}

/** Variance components over the arms of one target and source. */
interface Components {
  readonly target: string;
  readonly source: string;
  readonly trunks: number | null;
  readonly seeds: number | null;
  readonly documents: number | null;
}

/** Root mean square of what was measured; null if nothing was. */
function pooled(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return Math.sqrt(known.reduce((sum, value) => sum + value ** 2, 0) / known.length);
}

function components(rows: readonly ComparisonRow[]): Components[] {
  const groups = Map.groupBy(rows, ({ target, source }) => JSON.stringify([target, source]));
  return [...groups.values()].map((group) => ({
    target: group[0].target,
    source: group[0].source,
    trunks: pooled(group.map(({ sd_trunks }) => sd_trunks)),
    seeds: pooled(group.map(({ sd_seeds }) => sd_seeds)),
    documents: pooled(group.map(({ se_documents }) => se_documents)),
  })).filter(({ trunks, seeds }) => trunks !== null || seeds !== null);
}

const COLUMNS = {
  target: "utf8",
  source: "utf8",
  trunks: "nullable<float64>",
  seeds: "nullable<float64>",
  documents: "nullable<float64>",
} as const;

/** Standard deviations between trunks and between fine-tuning seeds, and the standard error of documents. */
function varianceTable(config: StudyReportConfig, { comparison }: StudyMeasurements): ShownTable {
  const rows = components(comparison);
  return shownTable(
    "Variance components of the loss after fine-tuning, in nats per token, pooled over arms (root mean square): standard " +
      "deviation between trunks, between fine-tuning seeds of one trunk, and standard error of a difference by the choice of " +
      "held-out documents.",
    rows,
    {
      "fine-tuned on": ({ target }) => targetLabel(config, target),
      "held-out source": ({ source }) => source,
      "#between trunks": ({ trunks }) => decimals(trunks, 4),
      "#between seeds": ({ seeds }) => decimals(seeds, 4),
      "#documents": ({ documents }) => decimals(documents, 4),
    },
    tableFile("variance", { columns: COLUMNS }, rows),
  );
}
