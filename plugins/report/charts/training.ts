/**
 * Figures of training: loss and learning rate along the arms, validation loss by source, fine-tuning.
 *
 * @module
 */
import type { Arm, ReportConfig } from "../config.ts";
import { type ArmPath, armPaths, type Placed, thin } from "../curves.ts";
import type { TrainingRow, ValidationRow } from "../read.ts";
import {
  ARM_COLOURS,
  ARM_DASHES,
  type Figure,
  renderFigure,
  SHARED_COLOUR,
} from "../../../core/report/mod.ts";

/** Most points drawn per curve. */
const POINTS = 100;
const WIDTH = 560;

/** Colour and dash by series, in a fixed order: the shared trunk first, then the arms. */
function seriesScales(labels: string[], shared: boolean) {
  const domain = shared ? [SHARED_LABEL, ...labels] : labels;
  const styled = <T>(first: T, others: readonly T[]) => [
    ...(shared ? [first] : []),
    ...labels.map((_, i) => others[i % others.length]),
  ];
  return {
    color: {
      field: "series",
      type: "nominal",
      title: null,
      scale: { domain, range: styled(SHARED_COLOUR, ARM_COLOURS) },
    },
    strokeDash: {
      field: "series",
      type: "nominal",
      title: null,
      scale: { domain, range: styled([1, 0], ARM_DASHES) },
    },
  };
}

const SHARED_LABEL = "shared trunk";

/** How many logged steps go into one point, so that the longest curve has at most {@link POINTS}. */
function groupSize(lengths: number[]): number {
  return Math.max(1, Math.ceil(Math.max(...lengths) / POINTS));
}

/** Thins the trunk once and each arm by itself; an arm's curve starts where the trunk ends. */
function armSeries<R extends { step: number; tokens: number }, K extends string>(
  paths: ArmPath<R>[],
  pick: (row: Placed<R>) => Record<K, number>,
): ({ series: string } & Record<K, number>)[] {
  const size = groupSize(paths.map(({ shared, own }) => shared.length + own.length));
  const trunk = thin(paths[0].shared, pick, size);
  const named = (series: string, points: Record<K, number>[]) =>
    points.map((point) => ({ series, ...point }));
  return [
    ...named(SHARED_LABEL, trunk),
    ...paths.flatMap(({ arm, own }) =>
      named(arm.label, [...trunk.slice(-1), ...thin(own, pick, size)])
    ),
  ];
}

/** Training loss (nats/token) and learning rate against tokens, the trunk drawn once, the branch marked. */
export function trainingFigure(
  config: ReportConfig,
  training: Record<string, TrainingRow[]>,
): Promise<Figure> {
  const paths = armPaths(config.arms, training);
  const pick = (row: TrainingRow) => ({
    tokens: row.tokens,
    loss: row.loss,
    learning_rate: row.learning_rate,
  });
  const values = armSeries(paths, pick);
  const branch = paths[0].shared.at(-1)?.tokens;
  const scales = seriesScales(config.arms.map((arm) => arm.label), branch !== undefined);
  const panel = (field: string, title: string, height: number, format?: string) => ({
    width: WIDTH,
    height,
    layer: [
      ...branchMark(branch, field === "loss"),
      {
        mark: { type: "line", strokeWidth: 2 },
        encoding: { ...panelAxes(field, title, format), ...scales },
      },
    ],
  });
  return renderFigure({
    name: "training_loss",
    title: "Training loss and learning rate",
    caption: "Training loss along the run. " + (branch === undefined ? "" : BRANCH_NOTE) +
      "Each arm's loss is taken on its own mixture, so the curves compare progress within an arm, not " +
      `quality between arms. At most ${POINTS} points a curve, each the mean of neighbouring steps.`,
    chart: {
      title: "Training loss and learning rate",
      data: { values },
      vconcat: [
        panel("loss", "loss (nats/token)", 260),
        panel("learning_rate", "learning rate", 90, "~e"),
      ],
    },
  });
}

const BRANCH_NOTE = "The dashed vertical line is the branch point: up to it there is one trunk. ";

function panelAxes(field: string, title: string, format?: string) {
  return {
    x: {
      field: "tokens",
      type: "quantitative",
      title: field === "loss" ? null : "tokens trained on",
      axis: { format: "~s", tickCount: 6, labelExpr: PLAIN_ZERO },
    },
    y: {
      field,
      type: "quantitative",
      title,
      scale: { zero: field !== "loss" },
      axis: {
        tickCount: field === "loss" ? 6 : 3,
        labelExpr: PLAIN_ZERO,
        ...(format && { format }),
      },
    },
  };
}

/** Zero has no unit prefix and no exponent. */
const PLAIN_ZERO = "datum.value === 0 ? '0' : datum.label";

/** A dashed vertical line at the branch point, with its name beside it. */
function branchMark(x: number | undefined, labelled: boolean): object[] {
  if (x === undefined) return [];
  const data = { values: [{ x }] };
  const at = { x: { field: "x", type: "quantitative" } };
  const label = {
    type: "text",
    text: "branch",
    align: "left",
    dx: 5,
    dy: 9,
    fontSize: 12,
    color: "#444",
  };
  return [
    { data, mark: { type: "rule", strokeDash: [4, 4], color: "#777" }, encoding: at },
    ...(labelled ? [{ data, mark: label, encoding: { ...at, y: { value: 0 } } }] : []),
  ];
}

/** Validation loss (nats/token) against steps, one panel per source. */
export function validationFigure(
  config: ReportConfig,
  validation: Record<string, ValidationRow[]>,
): Promise<Figure> {
  const sources = [...new Set(Object.values(validation).flat().map((row) => row.source))].sort();
  const paths = armPaths(config.arms, validation);
  const branch = paths[0].shared.at(-1)?.step;
  const scales = seriesScales(config.arms.map((arm) => arm.label), branch !== undefined);
  const panels = sources.map((source) => ({
    title: { text: source, fontSize: 13, offset: 6 },
    width: sources.length > 1 ? 250 : WIDTH,
    height: 190,
    layer: [
      ...branchMark(branch, false),
      {
        data: { values: armSeries(paths.map((path) => ofSource(path, source)), stepAndLoss) },
        mark: { type: "line", strokeWidth: 2, point: { size: 28 } },
        encoding: { ...stepAxes, ...scales },
      },
    ],
  }));
  return renderFigure({
    name: "validation_loss",
    title: "Validation loss by source",
    caption: "Loss on held-out text of each source while training, the same text for every arm. " +
      (branch === undefined ? "" : BRANCH_NOTE) + "Each panel has its own vertical scale.",
    chart: { title: "Validation loss by source", columns: 2, concat: panels },
  });
}

function ofSource(path: ArmPath<ValidationRow>, source: string): ArmPath<ValidationRow> {
  const only = (rows: Placed<ValidationRow>[]) => rows.filter((row) => row.source === source);
  return { arm: path.arm, shared: only(path.shared), own: only(path.own) };
}

const stepAndLoss = ({ step, loss }: { step: number; loss: number }) => ({ step, loss });

const stepAxes = {
  x: { field: "step", type: "quantitative", title: "step", axis: { tickCount: 5 } },
  y: {
    field: "loss",
    type: "quantitative",
    title: "loss (nats/token)",
    scale: { zero: false },
    axis: { tickCount: 5 },
  },
};

/** The fine-tuning phase of an arm is the one named like the model that came out of it. */
export function fineTuned(arms: readonly Arm[], phases: Record<string, unknown>): Arm[] {
  return arms.filter((arm) => arm.after_sft in phases && !arm.trained.includes(arm.after_sft));
}

/** Fine-tuning loss (nats/token) against steps, one curve per arm. */
export function fineTuningFigure(
  config: ReportConfig,
  training: Record<string, TrainingRow[]>,
): Promise<Figure> {
  const arms = fineTuned(config.arms, training);
  const size = groupSize(arms.map((arm) => training[arm.after_sft].length));
  const values = arms.flatMap((arm) =>
    thin(training[arm.after_sft], stepAndLoss, size)
      .map((point) => ({ series: arm.label, ...point }))
  );
  return renderFigure({
    name: "fine_tuning_loss",
    title: "Fine-tuning loss",
    caption:
      `Training loss while fine-tuning on ${config.target_source}: the same data for every arm. ` +
      `At most ${POINTS} points a curve, each the mean of neighbouring steps.`,
    chart: {
      title: "Fine-tuning loss",
      width: WIDTH,
      height: 220,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: { ...stepAxes, ...seriesScales(config.arms.map((arm) => arm.label), false) },
    },
  });
}
