/**
 * The figures of the page: loss before and after fine-tuning, training along the arms, validation loss, fine-tuning.
 *
 * @module
 */
import {
  decimals,
  dotChart,
  type Figure,
  FULL_WIDTH,
  linePanel,
  type LinePoint,
  referenceStyle,
  renderFigure,
  seriesStyles,
  thin,
  withKey,
} from "@causeway/core/report";
import type { Arm, Measurements, ReportConfig, ValidationRow } from "./inputs.ts";
import type { ArmResult, Results } from "./results.ts";

/** Each arm on both sources: an open mark before fine-tuning, a filled one after it. */
export function lossFigure(config: ReportConfig, results: Results): Promise<Figure> {
  const panel = (source: string, on: "target" | "general") => ({
    title: `Loss on ${source}`,
    dots: results.arms.map(({ label, [on]: { before, after } }: ArmResult) => {
      const [value, text] = [after.loss, decimals(after.loss)];
      return { label, series: label, before: before.loss, value, text };
    }),
  });
  return renderFigure({
    name: "losses",
    title: "Loss before (open) and after (filled) fine-tuning",
    caption:
      "Held-out loss in nats per token; the number is the loss after fine-tuning. Further left is better. On " +
      `${config.general_source}, a move to the right is forgetting. Each panel has its own scale.`,
    chart: dotChart({
      rows: [[panel(config.target_source, "target")], [panel(config.general_source, "general")]],
      styles: seriesStyles(results.arms.map(({ label }) => label)),
      x: "loss (nats/token)",
    }),
  });
}

/** A measurement with its training phase; `step` and `tokens` count along the arm's whole path. */
export type Placed<R> = R & { phase: string };

/** The path of an arm: the trunk shared by all arms, then its own part. */
export interface ArmPath<R> {
  arm: Arm;
  shared: Placed<R>[];
  own: Placed<R>[];
}

/**
 * Joins the phases of each arm. A phase that continues a schedule also continues its step count; the steps of one that
 * starts again at zero are shifted behind the phase before it.
 *
 * @throws {Error} when an arm names a phase that has no measurements.
 */
export function armPaths<R extends { step: number; tokens: number }>(
  arms: readonly Arm[],
  phases: Readonly<Record<string, R[]>>,
): ArmPath<R>[] {
  const shared = sharedPhases(arms);
  return arms.map((arm) => {
    const path = joinPhases(arm.trained, phases);
    const trunk = new Set(arm.trained.slice(0, shared));
    return {
      arm,
      shared: path.filter((row) => trunk.has(row.phase)),
      own: path.filter((row) => !trunk.has(row.phase)),
    };
  });
}

/** Number of phases that all arms share from the start; 0 for a single arm. */
function sharedPhases(arms: readonly Arm[]): number {
  if (arms.length < 2) return 0;
  let shared = 0;
  while (
    arms.every((arm) => arm.trained[shared] && arm.trained[shared] === arms[0].trained[shared])
  ) {
    shared++;
  }
  return shared;
}

function joinPhases<R extends { step: number; tokens: number }>(
  labels: readonly string[],
  phases: Readonly<Record<string, R[]>>,
): Placed<R>[] {
  const path: Placed<R>[] = [];
  for (const phase of labels) {
    const rows = phases[phase];
    if (!rows) {
      const known = Object.keys(phases).join(", ");
      throw new Error(
        `config "trained" names the training phase "${phase}", which is not wired to the report ` +
          `(wired: ${known}); correct the name or wire that phase`,
      );
    }
    const last = path.at(-1);
    const restarted = last !== undefined && rows.length > 0 && rows[0].step < last.step;
    const [step, tokens] = restarted ? [last.step, last.tokens] : [0, 0];
    path.push(
      ...rows.map((row) => ({ ...row, phase, step: row.step + step, tokens: row.tokens + tokens })),
    );
  }
  return path;
}

/** Most points drawn per curve. */
const POINTS = 100;
const TRUNK = "shared trunk";
const BRANCH_NOTE =
  "The dashed vertical line is the branch point; all arms share the trunk up to it. ";
const THINNED = `At most ${POINTS} points per curve, each the mean of neighbouring steps.`;

/** Rows per point, so that the longest curve has at most {@link POINTS}. */
function groupSize(lengths: number[]): number {
  return Math.max(1, Math.ceil(Math.max(...lengths) / POINTS));
}

/** Curves of all arms: the trunk once, then each arm from where the trunk ends. */
function armCurves<X extends string, Y extends string>(
  paths: readonly ArmPath<Record<X | Y, number>>[],
  x: X,
  y: Y,
): LinePoint[] {
  const size = groupSize(paths.map(({ shared, own }) => shared.length + own.length));
  const points = (rows: readonly Record<X | Y, number>[]) => thin<X | Y>(rows, [x, y], size);
  const named = (series: string, rows: Record<X | Y, number>[]) =>
    rows.map((row): LinePoint => ({ series, x: row[x], y: row[y] }));
  const trunk = points(paths[0].shared);
  return [
    ...named(TRUNK, trunk),
    ...paths.flatMap(({ arm, own }) => named(arm.label, [...trunk.slice(-1), ...points(own)])),
  ];
}

function stylesOf({ arms }: ReportConfig, branch: number | undefined) {
  const trunk = branch === undefined ? [] : [referenceStyle(TRUNK, [1, 0])];
  return [...trunk, ...seriesStyles(arms.map(({ label }) => label))];
}

/** A dashed vertical line at the branch point. */
function branchMark(x: number | undefined): object[] {
  if (x === undefined) return [];
  return [{
    data: { values: [{ x }] },
    mark: { type: "rule", strokeDash: [4, 4], color: "#777" },
    encoding: { x: { field: "x", type: "quantitative" } },
  }];
}

/** Training loss (nats/token) and learning rate against tokens. */
export function trainingFigure(
  config: ReportConfig,
  training: Measurements["training"],
): Promise<Figure> {
  const paths = armPaths(config.arms, training);
  const branch = paths[0].shared.at(-1)?.tokens;
  const styles = stylesOf(config, branch);
  const shared = { styles, width: FULL_WIDTH, marked: false, over: branchMark(branch) };
  // Zero has neither a unit prefix nor an exponent.
  const labelExpr = "datum.value === 0 ? '0' : datum.label";
  const x_axis = { format: "~s", tickCount: 6, labelExpr };
  return renderFigure({
    name: "training_loss",
    title: "Training loss and learning rate",
    caption:
      `Training loss along the run. ${
        branch === undefined ? "" : BRANCH_NOTE
      }Each arm's loss is on its own ` +
      `mixture, so curves show progress within an arm and do not compare arms. ${THINNED}`,
    chart: withKey(styles, {
      spacing: 20,
      vconcat: [
        linePanel({
          ...shared,
          points: armCurves(paths, "tokens", "loss"),
          x: null,
          y: "loss (nats/token)",
          x_axis,
          height: 260,
        }),
        linePanel({
          ...shared,
          points: armCurves(paths, "tokens", "learning_rate"),
          x: "tokens trained on",
          y: "learning rate",
          y_scale: { zero: true },
          x_axis,
          y_axis: { format: "~e", tickCount: 3, labelExpr },
          height: 90,
        }),
      ],
    }, { lines: true, points: false }),
  });
}

/** Validation loss (nats/token) against steps, one panel per source. */
export function validationFigure(
  config: ReportConfig,
  validation: Measurements["validation"],
): Promise<Figure> {
  const sources = [...new Set(Object.values(validation).flat().map((row) => row.source))].sort();
  const paths = armPaths(config.arms, validation);
  const branch = paths[0].shared.at(-1)?.step;
  const styles = stylesOf(config, branch);
  const panels = sources.map((source) => {
    const only = (rows: Placed<ValidationRow>[]) => rows.filter((row) => row.source === source);
    const of_source = paths.map(({ arm, shared, own }) => ({
      arm,
      shared: only(shared),
      own: only(own),
    }));
    return linePanel({
      title: source,
      points: armCurves(of_source, "step", "loss"),
      styles,
      x: "step",
      y: "loss (nats/token)",
      over: branchMark(branch),
      ...(sources.length === 1 && { width: FULL_WIDTH }),
    });
  });
  return renderFigure({
    name: "validation_loss",
    title: "Validation loss by source",
    caption:
      "Loss on held-out text of each source during training; the text is the same for all arms. " +
      `${branch === undefined ? "" : BRANCH_NOTE}Each panel has its own vertical scale.`,
    chart: withKey(styles, { columns: 2, spacing: 24, concat: panels }, { lines: true }),
  });
}

/** The arms whose fine-tuning was measured: their phase is named after the model it results in. */
export function fineTuned(arms: readonly Arm[], phases: Record<string, unknown>): Arm[] {
  return arms.filter((arm) => arm.after_sft in phases && !arm.trained.includes(arm.after_sft));
}

/** Fine-tuning loss (nats/token) against steps, one curve per arm. */
export function fineTuningFigure(
  config: ReportConfig,
  training: Measurements["training"],
): Promise<Figure> {
  const arms = fineTuned(config.arms, training);
  const size = groupSize(arms.map((arm) => training[arm.after_sft].length));
  const points = arms.flatMap((arm) =>
    thin<"step" | "loss">(training[arm.after_sft], ["step", "loss"], size)
      .map(({ step, loss }) => ({ series: arm.label, x: step, y: loss }))
  );
  const styles = stylesOf(config, undefined);
  const axes = { x: "step", y: "loss (nats/token)" };
  return renderFigure({
    name: "fine_tuning_loss",
    title: "Fine-tuning loss",
    caption:
      `Training loss during fine-tuning on ${config.target_source}, the same data for all arms. ${THINNED}`,
    chart: withKey(
      styles,
      linePanel({ ...axes, points, styles, width: FULL_WIDTH, height: 220, marked: false }),
      { lines: true, points: false },
    ),
  });
}
