/**
 * Mixtures compared with the control: loss in domain, loss on general data, forgetting (paper, Tables 2 and 8).
 *
 * @module
 */
import {
  decimals,
  type Dot,
  dotChart,
  type Figure,
  leftOut,
  present,
  renderFigure,
  type Section,
  section,
  type SeriesStyle,
  type ShownCell,
  type ShownTable,
  shownTable,
  signed,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { comparisonRows, findComparison, mainArms } from "../effects.ts";
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import {
  armsFile,
  deviationBar,
  deviationNote,
  lossNote,
  lossTable,
  meanCell,
  over,
  scalesNote,
} from "../tables.ts";
import { armStyles } from "../styles.ts";

/** Main tables and figures. */
export async function mixturesSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Mixtures compared with the control";
  if (all.comparison.length === 0) {
    return leftOut("mixtures", heading, "no comparison is wired to the report");
  }
  const table = (caption: string, sourceOf: (target: string) => string) =>
    lossTable(`${caption} ${lossNote(all.comparison)}`, config, all, mainArms(all), sourceOf);
  const in_domain = table(
    "Loss on the held-out part of the fine-tuning set, after fine-tuning (paper, Tables 2 and 8).",
    (target) => target,
  );
  const general = table(
    `Loss on ${config.general} after fine-tuning on each target.`,
    () => config.general,
  );
  in_domain.file = tableFile("comparison", study_ports.study_comparison, all.comparison);
  general.file = tableFile("runs", study_ports.study_runs, all.runs);
  return section("mixtures", heading, {
    blocks: [
      in_domain,
      ...await present(mixturesFigure(config, all)),
      general,
      forgettingTable(config, all),
      ...await present(forgettingFigure(config, all)),
    ],
  });
}

/** Change of the general loss by fine-tuning; the note has the loss before and after. */
function forgettingTable(
  { general, targets }: StudyReportConfig,
  all: StudyMeasurements,
): ShownTable {
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
    `Forgetting: change of the loss on ${general} by fine-tuning on each target, in nats per token; below it, the loss ` +
      `before and after (mean ± standard deviation ${over(all.comparison)}).`,
    mainArms(all),
    { arm: ({ label }) => label, ...Object.fromEntries(columns) },
    armsFile("forgetting", all, mainArms(all), ({ source }) => source === general),
  );
}

/** A target, with the main arms on one held-out source. */
export interface LossPanel {
  readonly target: string;
  readonly label: string;
  readonly rows: readonly (ComparisonRow & { label: string; matched: boolean })[];
  /** The control's mean after fine-tuning. */
  readonly control?: number;
}

/**
 * Rows of the main arms by target, the control first.
 *
 * @param sourceOf the held-out source for each target.
 */
export function lossPanels(
  { targets, matched }: StudyReportConfig,
  all: StudyMeasurements,
  sourceOf: (target: string) => string,
): LossPanel[] {
  return targets.flatMap(({ name: target, label }) => {
    const arms = mainArms(all).map(({ arm, label, kind, specialised }) => {
      const fits = matched.some((pair) =>
        pair.target === target && pair.specialised === specialised
      );
      return { arm, label, kind, matched: fits };
    });
    const rows = comparisonRows(all, arms, [target, sourceOf(target)]);
    const control = rows.find(({ kind }) => kind === "control")?.loss_after;
    return rows.length > 0 ? [{ target, label, rows, control }] : [];
  });
}

/** Loss on each target after fine-tuning on it. */
export async function mixturesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = lossPanels(config, all, (target) => target);
  const controls = all.arms.filter(({ kind }) => kind === "control").map(({ arm }) => arm);
  return panels.length === 0 ? undefined : await renderFigure({
    name: "mixtures",
    title: "Loss on each target after fine-tuning on it",
    caption:
      "Held-out loss of the target after fine-tuning, in nats per token; further left is better. " +
      `Filled: mixtures meant for the target, and the control; open: other mixtures. Dashed line: the control. ${
        notes(panels)
      }`,
    chart: lossChart(panels, armStyles(all, mainArms(all)), ({ arm, matched }) => {
      return { open: !matched && !controls.includes(arm) };
    }),
  });
}

/** Loss on general text, before and after fine-tuning on each target. */
export async function forgettingFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = lossPanels(config, all, () => config.general);
  return panels.length === 0 ? undefined : await renderFigure({
    name: "forgetting",
    title: `Loss on ${config.general} before (open) and after (filled) fine-tuning`,
    caption:
      `Held-out loss on ${config.general}, in nats per token, before fine-tuning on each target (open) and after ` +
      "it (filled, with its number); the distance is forgetting. Dashed line: the control after fine-tuning. " +
      notes(panels),
    chart: lossChart(
      panels,
      armStyles(all, mainArms(all)),
      ({ loss_before }) => ({ before: loss_before }),
    ),
  });
}

function notes(panels: readonly LossPanel[]): string {
  return deviationNote(panels.flatMap(({ rows }) => rows)) + scalesNote(panels.length);
}

type LossRow = LossPanel["rows"][number];

function lossChart(
  panels: readonly LossPanel[],
  styles: readonly SeriesStyle[],
  more: (row: LossRow) => Partial<Dot>,
): object {
  const dot = (row: LossRow): Dot => {
    const { label, loss_after: value } = row;
    return {
      label,
      series: label,
      value,
      ...deviationBar(row),
      text: decimals(value),
      ...more(row),
    };
  };
  const charts = panels.map(({ label, rows, control }) => {
    return { title: label, dots: rows.map(dot), reference: control };
  });
  return dotChart({
    rows: Array.from(
      { length: Math.ceil(charts.length / 2) },
      (_, i) => charts.slice(2 * i, 2 * i + 2),
    ),
    styles,
    x: "loss (nats/token)",
  });
}
