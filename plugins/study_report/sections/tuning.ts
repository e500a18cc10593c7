/**
 * Fine-tuning itself: loss curves of the arm that is meant for a target, and of the control (paper, Figure 8).
 *
 * @module
 */
import { mean } from "@causeway/core/analysis";
import {
  type Figure,
  labelledFile,
  leftOut,
  linePanel,
  type LinePoint,
  present,
  renderFigure,
  type Section,
  section,
  thin,
  withKey,
} from "@causeway/core/report";
import { ports } from "@causeway/core/stage";
import { targetLabel } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyles } from "../styles.ts";

/** Curves of all targets. */
export async function tuningSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Curves of fine-tuning";
  const figure = await present(tuningFigure(config, all));
  if (figure.length === 0) {
    return leftOut("tuning", heading, "no training metrics of fine-tuning are wired to the report");
  }
  const files = [labelledFile("tuning", "run", ports.training_metrics, all.tuning)];
  if (Object.keys(all.tuning_validation).length > 0) {
    const { tuning_validation } = all;
    const name = "tuning_validation";
    files.push(labelledFile(name, "run", ports.validation_metrics, tuning_validation));
  }
  return section("tuning", heading, { blocks: figure, files });
}

/** Points drawn of each curve. */
const POINTS = 40;

type Step = { readonly step: number; readonly loss: number };

/** The control and the arms meant for a target: mean losses by step. */
export interface TuningPanel {
  readonly target: string;
  readonly training: readonly LinePoint[];
  /** Arm − control at the same step, on the same batches. */
  readonly difference: readonly LinePoint[];
  readonly held_out: readonly LinePoint[];
  /** Runs behind each curve, at least and at most. */
  readonly runs: readonly number[];
}

/** Runs of an arm on a target: labels are `<arm>.<target>.…`; trunks after the first may add a suffix to either. */
function runsOf<R>(runs: Readonly<Record<string, readonly R[]>>, arm: string, target: string) {
  const [of_arm, of_target] = [arm, target].map(RegExp.escape);
  const label = new RegExp(`^${of_arm}(_t\\d+)?\\.${of_target}(_t\\d+)?(\\.|$)`);
  return Object.entries(runs).filter(([name]) => label.test(name)).map(([, rows]) => rows);
}

/** Mean over runs of the loss at each step that all of them have. */
function meanCurve(runs: readonly (readonly Step[])[]): Step[] {
  const by_step = Map.groupBy(runs.flat(), ({ step }) => step);
  return [...by_step].filter(([, rows]) => rows.length === runs.length)
    .map(([step, rows]) => ({ step, loss: mean(rows.map(({ loss }) => loss)) }))
    .sort((a, b) => a.step - b.step);
}

/** Targets with curves of the control and of a matched arm. */
export function tuningPanels(config: StudyReportConfig, all: StudyMeasurements): TuningPanel[] {
  const control = all.arms.find(({ kind }) => kind === "control");
  if (!control) return [];
  return config.targets.flatMap(({ name: target }) => {
    const shown = [control, ...matchedTo(config, all, target)];
    const curves = shown.map((arm) => {
      const runs = runsOf<Step>(all.tuning, arm.arm, target);
      const held_out = runsOf(all.tuning_validation, arm.arm, target)
        .map((rows) => rows.filter(({ source }) => source === target));
      return {
        label: arm.label,
        runs: runs.length,
        training: meanCurve(runs),
        held_out: meanCurve(held_out),
      };
    }).filter(({ training }) => training.length > 0);
    const [base, ...others] = curves;
    if (base?.label !== control.label || others.length === 0) return [];
    return [{
      target: targetLabel(config, target),
      training: curves.flatMap(({ label, training }) => points(label, thinned(training))),
      difference: others.flatMap((curve) => points(curve.label, apart(curve, base))),
      // A first and a last validation make no curve.
      held_out: curves.filter(({ held_out }) => held_out.length > 2)
        .flatMap(({ label, held_out }) => points(label, held_out)),
      runs: curves.map(({ runs }) => runs),
    }];
  });
}

function matchedTo({ matched }: StudyReportConfig, { arms }: StudyMeasurements, target: string) {
  return arms.filter(({ kind, specialised }) =>
    kind === "midtrain" &&
    matched.some((pair) => pair.specialised === specialised && pair.target === target)
  );
}

type Curve = { readonly training: readonly Step[] };

function apart({ training }: Curve, base: Curve): Step[] {
  const other = new Map(base.training.map(({ step, loss }) => [step, loss]));
  return thinned(training.flatMap(({ step, loss }) => {
    return other.has(step) ? [{ step, loss: loss - other.get(step)! }] : [];
  }));
}

function thinned(rows: readonly Step[]): Step[] {
  return thin<keyof Step>(rows, ["step", "loss"], Math.max(1, Math.ceil(rows.length / POINTS)));
}

function points(series: string, rows: readonly Step[]): LinePoint[] {
  return rows.map(({ step, loss }) => ({ series, x: step, y: loss }));
}

/** A row of panels for each target: training loss, its difference from the control, held-out loss where it was followed. */
async function tuningFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = tuningPanels(config, all);
  if (panels.length === 0) return undefined;
  const labels = new Set(panels.flatMap(({ training }) => training.map(({ series }) => series)));
  const arms = all.arms.filter(({ label, kind }) => {
    return labels.has(label) && (kind === "control" || kind === "midtrain");
  });
  const styles = armStyles(all, arms);
  const runs = panels.flatMap((panel) => panel.runs);
  const [least, most] = [Math.min(...runs), Math.max(...runs)];
  const shared = { styles, x: "fine-tuning step", marked: false };
  const concat = [
    ...panels.flatMap(({ target, training, difference }) => [
      { title: `${target}: training loss`, points: training, y: LOSS },
      { title: `${target}: arm − control`, points: difference, y: DIFFERENCE, reference: 0 },
    ]),
    ...panels.map(({ target, held_out: points }) => {
      return { title: `${target}: held-out loss`, points, y: LOSS };
    }).filter(({ points }) => points.length > 0),
  ].map((panel) => linePanel({ ...shared, ...panel }));
  return await renderFigure({
    name: "tuning",
    title: "Fine-tuning of the control and of the arm meant for each target",
    caption:
      "Loss in nats per token by fine-tuning step (paper, Figure 8). Left: training loss; right: its difference from the " +
      "control on the same batches, below the dashed line is better. Mean of " +
      `${
        least === most ? least : `${least} to ${most}`
      } runs; at most ${POINTS} points per curve, each the mean of ` +
      "neighbouring steps. Each panel has its own scale.",
    chart: withKey(styles, { columns: 2, spacing: 24, concat }, { lines: true, points: false }),
  });
}

const [LOSS, DIFFERENCE] = ["loss (nats/token)", "difference (nats/token)"];
