/**
 * Training loss of the main arms, and held-out loss on general text while they train.
 *
 * @module
 */
import { type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { withKey } from "./key.ts";
import { linePanel, type LinePoint } from "./line_panel.ts";
import { controlStyle, MAX_WIDTH, seriesStyles } from "./look.ts";
import { armPaths, thin } from "./phases.ts";

/** Most points drawn of the control's run. */
const POINTS = 120;

/** Points of the three panels. The trunk stands under the control's label and is there once. */
export interface Curves {
  readonly training: readonly LinePoint[];
  readonly general: readonly LinePoint[];
  /** General loss minus the control's at the same step. */
  readonly difference: readonly LinePoint[];
}

const CONTROL = "control, and the trunk that all share";

/** Curves of the main arms; each begins at the point of the trunk where it branches off. */
export function curvesOf({ general }: StudyReportConfig, all: StudyMeasurements): Curves {
  const training = armPaths(all.arms, all.training);
  const size = Math.max(1, Math.ceil(training.trunk.length / POINTS));
  const on_general = Object.fromEntries(
    Object.entries(all.validation).map(([phase, rows]) => {
      return [phase, rows.filter((row) => row.source === general && Number.isFinite(row.loss))];
    }),
  );
  const held_out = armPaths(all.arms, on_general);
  const control = new Map(held_out.trunk.map(({ step, loss }) => [step, loss]));
  return {
    training: [
      ...named(CONTROL, thin(training.trunk, size)),
      ...training.own.flatMap(({ label, branch, rows }) =>
        named(label, joined(thin(training.trunk, size), thin(rows, size), branch))
      ),
    ],
    general: [
      ...named(CONTROL, held_out.trunk),
      ...held_out.own.flatMap(({ label, branch, rows }) =>
        named(label, joined(held_out.trunk, rows, branch))
      ),
    ],
    difference: held_out.own.flatMap(({ label, branch, rows }) =>
      named(label, joined(held_out.trunk, rows, branch)).flatMap((point) => {
        const other = control.get(point.x);
        return other === undefined ? [] : [{ ...point, y: point.y - other }];
      })
    ),
  };
}

type Measured = { readonly step: number; readonly loss: number };

function named(series: string, rows: readonly Measured[]): LinePoint[] {
  return rows.map(({ step, loss }) => ({ series, x: step, y: loss }));
}

/** An arm's own rows behind the last of the trunk before it branched off. */
function joined(
  trunk: readonly Measured[],
  own: readonly Measured[],
  branch: number,
): Measured[] {
  const before = trunk.filter(({ step }) => step <= branch && step < (own[0]?.step ?? 0));
  return [...before.slice(-1), ...own];
}

/** Both ends of what is seen of losses: the steep beginning is cut off, for all that differs comes after it. */
function frame(points: readonly LinePoint[], last: number): [number, number] {
  const seen = points.filter(({ x }) => x >= BEGINNING * last).map(({ y }) => y);
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  const margin = 0.05 * (high - low || 1);
  return [low - margin, high + margin];
}

/** Share of the run that may lie above the frame. */
const BEGINNING = 0.1;

/** Training loss, general held-out loss, and its difference from the control, by step. */
export async function curvesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const { training, general, difference } = curvesOf(config, all);
  if (training.length === 0 && general.length === 0) return undefined;
  const labels = new Set([...training, ...general].map(({ series }) => series));
  labels.delete(CONTROL);
  const styles = [{ ...controlStyle(CONTROL), dash: [1, 0] }, ...seriesStyles([...labels])];
  const title = "Training of the main arms";
  const last = Math.max(...[...training, ...general].map(({ x }) => x));
  const shared = {
    styles,
    width: MAX_WIDTH - 120,
    x_scale: { domain: [0, last], nice: false, padding: 8 },
  };
  const panels = [
    {
      title: "Training loss, each arm on its own mixture",
      points: training,
      y: LOSS,
      marked: false,
    },
    { title: `Held-out loss on ${config.general}`, points: general, y: LOSS },
    {
      title: `Held-out loss on ${config.general}, difference from the control`,
      points: difference,
      y: "difference (nats/token)",
      reference: 0,
    },
  ].filter(({ points }) => points.length > 0);
  return await renderFigure({
    name: "curves",
    title,
    caption:
      "Loss in nats per token by step of pretraining, one run of each arm, so there are no intervals. Arms branch off the " +
      "trunk where their mixture begins. " +
      `Training loss is that of each arm's own mixture and compares no arms; each of its at most ${POINTS} points is ` +
      `the mean of neighbouring steps. The steep beginning may lie above the frame. Held-out loss is on the same text of ${config.general} for every arm.`,
    chart: withKey(title, styles, {
      spacing: 20,
      vconcat: panels.map((panel, i) =>
        linePanel({
          ...shared,
          ...panel,
          ...(panel.y === LOSS && { y_scale: { domain: frame(panel.points, last), nice: false } }),
          clip: true,
          x: i === panels.length - 1 ? "step" : null,
          height: 170,
        })
      ),
    }, { lines: true }),
  });
}

const LOSS = "loss (nats/token)";
