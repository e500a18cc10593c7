/**
 * Fine-tuning of checkpoints along the run (paper, Figure 4).
 *
 * @module
 */
import {
  type Figure,
  leftOut,
  linePanel,
  type LinePoint,
  present,
  renderFigure,
  type Section,
  section,
  withKey,
} from "@causeway/core/report";
import {
  bothPanels,
  type ComparedRow,
  isCompared,
  matchedTarget,
  type OnBothSources,
  onBothSources,
} from "../effects.ts";
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyles } from "../styles.ts";
import { armsTable, deviationBar, deviationNote, differenceNote, wholePercent } from "../tables.ts";

/** The figure and the table. */
export async function alongRunSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Fine-tuning along the run";
  const stopped = all.arms.filter(({ kind }) => kind === "along_run");
  if (stopped.length === 0) {
    return leftOut("along_run", heading, "no checkpoints along the run were fine-tuned");
  }
  const table = armsTable(
    "along_run",
    "Checkpoints along the run, fine-tuned on the matched target (paper, Figure 4): loss, and below it the difference from " +
      "the control at the same step.",
    config,
    all,
    stopped,
  );
  return section("along_run", heading, {
    blocks: [...await present(alongRunFigure(config, all)), table],
  });
}

/** Fine-tuning of one checkpoint. */
export interface RunPoint extends ComparisonRow {
  readonly series: string;
  /** Percentage of the run. */
  readonly end: number;
}

/** The control and one arm, stopped at shares of the run and at its end. */
export interface AlongRun extends OnBothSources<RunPoint> {
  readonly control: ArmRow;
  readonly arm: ArmRow;
}

/** The arm that was stopped along the run; undefined if there is none. */
export function alongRun(config: StudyReportConfig, all: StudyMeasurements): AlongRun | undefined {
  const stopped = all.arms.filter(({ kind }) => kind === "along_run");
  const first = stopped.find(({ specialised }) => specialised !== "");
  const whole = first &&
    all.arms.find((arm) =>
      ["midtrain", "ablation", "continued"].includes(arm.kind) && arm.start === first.start &&
      arm.specialised === first.specialised && arm.weight === first.weight
    );
  const control = all.arms.find(({ kind }) => kind === "control");
  const target = matchedTarget(config, whole);
  if (!whole || !control || target === undefined) return undefined;
  const arms = [...stopped, control, whole].map(({ arm, specialised, end }) => {
    return { arm, end: wholePercent(end), series: specialised ? whole.label : control.label };
  }).sort((a, b) => a.end - b.end);
  const rows = onBothSources(config, all, arms, target);
  if (rows.in_domain.length === 0) return undefined;
  return { control, arm: whole, ...rows };
}

/** Loss after fine-tuning against the share of the run; below it, the difference between arm and control. */
export async function alongRunFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const along = alongRun(config, all);
  if (!along) return undefined;
  const { in_domain } = along;
  const styles = armStyles(all, [along.control, along.arm]);
  const columns = bothPanels(config, along);
  const shared = { styles, x: "share of the run (%)" };
  const losses = columns.map(({ title, rows }) => {
    const y = "loss (nats/token)";
    return linePanel({ ...shared, title, points: rows.map(lossPoint), y, dodge: true });
  });
  const differences = columns
    .map(({ rows }) => rows.filter((row): row is RunPoint & ComparedRow => isCompared(row)))
    .filter((rows) => rows.length > 0)
    .map((rows) => {
      const axis = { y: "difference (nats/token)", reference: 0, height: 140 };
      return linePanel({ ...shared, ...axis, points: rows.map(differencePoint) });
    });
  return await renderFigure({
    name: "along_run",
    title: "Fine-tuning of checkpoints along the run",
    caption:
      "Top: held-out loss after fine-tuning a checkpoint from each share of the run, in nats per token. " +
      `${
        deviationNote(in_domain)
      }Bottom: arm − control at the same share; below the dashed line is better. ` +
      `${
        differenceNote(in_domain)
      }Overlapping lines are shifted slightly apart. Each panel has its own scale.`,
    chart: withKey(
      styles,
      { columns: columns.length, spacing: 24, concat: [...losses, ...differences] },
      { lines: true },
    ),
  });
}

function lossPoint({ series, end, ...row }: RunPoint): LinePoint {
  return { series, x: end, y: row.loss_after, ...deviationBar(row) };
}

function differencePoint(
  { series, end, difference, ci_low, ci_high }: RunPoint & ComparedRow,
): LinePoint {
  return { series, x: end, y: difference, low: ci_low, high: ci_high };
}
