/**
 * Table 3 as a picture: bringing specialised data into the mixture against training on it alone.
 *
 * @module
 */
import { type Figure, renderFigure, signed } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { type Dot, dotPanel, GAP, labelsWidth, panelWidth } from "./dot_panel.ts";
import { withKey } from "./key.ts";
import { differenceNote, seriesStyles } from "./look.ts";

const STYLES = seriesStyles(["midtraining", "continued pretraining"]);

type Comparison = StudyMeasurements["comparison"][number];

/** A source with its arms of both kinds, compared with the control. */
export interface ContinuedPanels {
  readonly specialised: string;
  /** Label of the target that the source is meant for. */
  readonly target: string;
  readonly in_domain: readonly (Comparison & { label: string; series: string })[];
  readonly general: readonly (Comparison & { label: string; series: string })[];
}

/** Sources that were trained on alone, with midtraining on the same source before them. */
export function continuedPanels(
  { general, targets, matched }: StudyReportConfig,
  { arms, comparison }: StudyMeasurements,
): ContinuedPanels[] {
  const alone = arms.filter(({ kind }) => kind === "continued").map((arm) => arm.specialised);
  return [...new Set(alone)].flatMap((specialised) => {
    const of_source = ["midtrain", "continued"].flatMap((kind, i) =>
      arms.filter((arm) => arm.kind === kind && arm.specialised === specialised)
        .map(({ arm, label }) => ({ arm, label, series: STYLES[i].label }))
    );
    return matched.filter((pair) => pair.specialised === specialised).flatMap(({ target }) => {
      const rowsOn = (source: string) =>
        of_source.flatMap(({ arm, label, series }) =>
          comparison.filter((row) =>
            row.arm === arm && row.target === target && row.source === source &&
            Number.isFinite(row.difference)
          ).map((row) => ({ ...row, label, series }))
        );
      const panels = { in_domain: rowsOn(target), general: rowsOn(general) };
      const label = targets.find(({ name }) => name === target)?.label ?? target;
      return panels.in_domain.length > 0 ? [{ specialised, target: label, ...panels }] : [];
    });
  });
}

/** Differences from the control: on the target that each source is meant for, and on general text. */
export async function continuedFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const sources = continuedPanels(config, all);
  if (sources.length === 0) return undefined;
  const rows = sources.flatMap(({ in_domain, general }) => [...in_domain, ...general]);
  const labels = [...new Set(rows.map(({ label }) => label))];
  const title = "Midtraining against continued pretraining";
  const panel = (title: string, rows: ContinuedPanels["general"], labelled: boolean) =>
    dotPanel({
      title,
      dots: rows.map(differenceDot),
      order: [...new Set(rows.map(({ label }) => label))],
      styles: STYLES,
      x: "difference (nats/token)",
      width: panelWidth(labels, 2),
      labelled,
      reference: 0,
    });
  return await renderFigure({
    name: "continued",
    title,
    caption:
      "Held-out loss after fine-tuning minus the control's, in nats per token; left of the dashed line is better " +
      `than the control. On the left the target's own text, on the right ${config.general}. ` +
      differenceNote(rows) + "Each panel has its own scale.",
    chart: withKey(title, STYLES, {
      columns: 2,
      spacing: { row: 22, column: GAP },
      concat: sources.flatMap(({ target, in_domain, general }) => [
        panel(target, in_domain, true),
        panel(`${config.general}, after ${target}`, general, false),
      ]),
    }, { indent: labelsWidth(labels) }),
  });
}

/** A difference with its interval. */
export function differenceDot(row: Comparison & { label: string; series: string }): Dot {
  const { label, series, difference, ci_low, ci_high } = row;
  return { label, series, value: difference, low: ci_low, high: ci_high, text: signed(difference) };
}
