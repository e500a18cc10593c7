/**
 * Tables 2 and 8 as pictures: each mixture after fine-tuning on each target, on the target and on general text.
 *
 * @module
 */
import { decimals, type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { type Dot, dotPanel, GAP, labelsWidth, panelWidth } from "./dot_panel.ts";
import { withKey } from "./key.ts";
import { controlStyle, deviationNote, scalesNote, seriesStyles } from "./look.ts";

const MATCHED = "mixture meant for the target";
const OTHER = "other mixture";
const CONTROL = "control";

const [blue, orange] = seriesStyles(["blue", "orange"]);
const STYLES = [
  controlStyle(CONTROL),
  { ...orange, label: MATCHED },
  { ...blue, label: OTHER, open: true },
];

type Comparison = StudyMeasurements["comparison"][number];

/** A target with what the main arms reached on one held-out source. */
export interface LossPanel {
  readonly target: string;
  readonly label: string;
  readonly rows: readonly (Comparison & { label: string; series: string })[];
  /** The control's mean after fine-tuning. */
  readonly control: number;
}

/**
 * Rows of the main arms, the control first, by target.
 *
 * @param sourceOf the held-out source to look at, given the target.
 */
export function lossPanels(
  { targets, matched }: StudyReportConfig,
  { arms, comparison }: StudyMeasurements,
  sourceOf: (target: string) => string,
): LossPanel[] {
  const main = arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
  return targets.flatMap(({ name: target, label }) => {
    const rows = main.flatMap((arm) => {
      const fits = matched.some((pair) =>
        pair.target === target && pair.specialised === arm.specialised
      );
      const series = arm.kind === "control" ? CONTROL : fits ? MATCHED : OTHER;
      return comparison
        .filter((row) =>
          row.arm === arm.arm && row.target === target && row.source === sourceOf(target) &&
          Number.isFinite(row.loss_after)
        )
        .map((row) => ({ ...row, label: arm.label, series }));
    });
    const control = rows.find(({ series }) => series === CONTROL)?.loss_after ?? NaN;
    return rows.length > 0 ? [{ target, label, rows, control }] : [];
  });
}

/** Loss on each target after fine-tuning on it. */
export function mixturesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = lossPanels(config, all, (target) => target);
  return lossFigure(panels, false, {
    name: "mixtures",
    title: "Loss on each target after fine-tuning on it",
    caption:
      "Held-out loss of the target after fine-tuning, in nats per token; further left is better. " +
      "Dashed line: the control. ",
  });
}

/** Loss on general text, before fine-tuning on each target and after it. */
export function forgettingFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = lossPanels(config, all, () => config.general);
  return lossFigure(panels, true, {
    name: "forgetting",
    title: `Loss on ${config.general} before (open) and after (filled) fine-tuning`,
    caption:
      `Held-out loss on ${config.general}, in nats per token, before fine-tuning on each target (open) and after ` +
      "it (filled, with its number); the way from one to the other is forgetting. Dashed line: the control after " +
      "fine-tuning. ",
  });
}

async function lossFigure(
  panels: readonly LossPanel[],
  with_before: boolean,
  { name, title, caption }: { name: string; title: string; caption: string },
): Promise<Figure | undefined> {
  if (panels.length === 0) return undefined;
  const rows = panels.flatMap((panel) => panel.rows);
  const present = STYLES.filter(({ label }) => rows.some(({ series }) => series === label));
  // Forgetting has open marks of its own: those before fine-tuning.
  const styles = with_before ? present.map((style) => ({ ...style, open: false })) : present;
  const labels = [...new Set(rows.map(({ label }) => label))];
  const columns = Math.min(2, panels.length);
  return await renderFigure({
    name,
    title,
    caption: caption + deviationNote(rows) +
      scalesNote(panels.length),
    chart: withKey(title, styles, {
      columns,
      spacing: { row: 22, column: GAP },
      concat: panels.map(({ label, rows, control }, i) =>
        dotPanel({
          title: label,
          dots: rows.map((row) => lossDot(row, with_before)),
          order: labels,
          styles,
          x: "loss (nats/token)",
          width: panelWidth(labels, columns),
          labelled: i % columns === 0,
          reference: control,
        })
      ),
    }, { indent: labelsWidth(labels) }),
  });
}

function lossDot(row: LossPanel["rows"][number], with_before: boolean): Dot {
  const { label, series, loss_before, loss_after, sd_after, seeds } = row;
  const bar = seeds > 1 && Number.isFinite(sd_after)
    ? { low: loss_after - sd_after, high: loss_after + sd_after }
    : {};
  const before = with_before ? { before: loss_before } : {};
  return { label, series, value: loss_after, ...bar, ...before, text: decimals(loss_after) };
}
