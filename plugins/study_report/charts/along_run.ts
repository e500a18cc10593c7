/**
 * Figure 4: fine-tuning of checkpoints along the run.
 *
 * @module
 */
import { type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { withKey } from "./key.ts";
import { linePanel, type LinePoint } from "./line_panel.ts";
import { controlStyle, deviationNote, differenceNote, seriesStyles, wholePercent } from "./look.ts";

type Comparison = StudyMeasurements["comparison"][number];

/** A checkpoint's fine-tuning. */
export interface RunPoint extends Comparison {
  readonly series: string;
  /** Percentage of the run. */
  readonly end: number;
}

/** The control and one arm, stopped at shares of the run and at its end. */
export interface AlongRun {
  readonly control: string;
  readonly arm: string;
  readonly target: string;
  readonly in_domain: readonly RunPoint[];
  readonly general: readonly RunPoint[];
}

/** The arm that was stopped along the run, undefined where none was. */
export function alongRun(
  { general, targets, matched }: StudyReportConfig,
  { arms, comparison }: StudyMeasurements,
): AlongRun | undefined {
  const stopped = arms.filter(({ kind }) => kind === "along_run");
  const first = stopped.find(({ specialised }) => specialised !== "");
  const whole = first &&
    arms.find((arm) =>
      ["midtrain", "ablation", "continued"].includes(arm.kind) && arm.start === first.start &&
      arm.specialised === first.specialised && arm.weight === first.weight
    );
  const control = arms.find(({ kind }) => kind === "control");
  const target = matched.find(({ specialised }) => specialised === whole?.specialised)?.target;
  if (!whole || !control || target === undefined) return undefined;
  const along = [...stopped, control, whole].map(({ arm, specialised, end }) => {
    return { arm, end: wholePercent(end), series: specialised ? whole.label : control.label };
  });
  const pointsOn = (source: string) =>
    along.flatMap(({ arm, end, series }) =>
      comparison.filter((row) =>
        row.arm === arm && row.target === target && row.source === source &&
        Number.isFinite(row.loss_after)
      ).map((row) => ({ ...row, series, end }))
    ).sort((a, b) => a.end - b.end);
  const label = targets.find(({ name }) => name === target)?.label ?? target;
  const names = { control: control.label, arm: whole.label, target: label };
  const in_domain = pointsOn(target);
  return in_domain.length > 0 ? { ...names, in_domain, general: pointsOn(general) } : undefined;
}

/** Loss after fine-tuning against the share of the run, and the difference between the two, with intervals. */
export async function alongRunFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const along = alongRun(config, all);
  if (!along) return undefined;
  const styles = [controlStyle(along.control), ...seriesStyles([along.arm])];
  const title = "Fine-tuning of checkpoints along the run";
  const columns = [
    { title: along.target, rows: along.in_domain },
    { title: `${config.general}, after ${along.target}`, rows: along.general },
  ].filter(({ rows }) => rows.length > 0);
  const share = "share of the run (%)";
  return await renderFigure({
    name: "along_run",
    title,
    caption:
      "Above: held-out loss after fine-tuning a checkpoint from each share of the run, in nats per token. " +
      deviationNote(along.in_domain) +
      "Below: the arm's loss minus that of the control at the same share; below the dashed line is better. " +
      `${
        differenceNote(along.in_domain)
      }Lines stand a little beside each other. Each panel has its own scale.`,
    chart: withKey(title, styles, {
      columns: columns.length,
      spacing: 24,
      concat: [
        ...columns.map(({ title, rows }) =>
          linePanel({
            title,
            points: rows.map(lossPoint),
            styles,
            x: share,
            y: "loss (nats/token)",
            dodge: true,
          })
        ),
        ...columns.map(({ rows }) => ({ rows: rows.filter(compared) }))
          .filter(({ rows }) => rows.length > 0)
          .map(({ rows }) =>
            linePanel({
              points: rows.map(differencePoint),
              styles,
              x: share,
              y: "difference (nats/token)",
              reference: 0,
              height: 140,
            })
          ),
      ],
    }, { lines: true }),
  });
}

const compared = ({ difference }: RunPoint) => Number.isFinite(difference);

function lossPoint({ series, end, loss_after, sd_after, seeds }: RunPoint): LinePoint {
  const sd = seeds > 1 ? sd_after : NaN;
  return { series, x: end, y: loss_after, low: loss_after - sd, high: loss_after + sd };
}

function differencePoint({ series, end, difference, ci_low, ci_high }: RunPoint): LinePoint {
  return { series, x: end, y: difference, low: ci_low, high: ci_high };
}
