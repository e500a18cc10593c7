/**
 * Tables 6 and 7 as a picture: held-out loss of each target by peak learning rate.
 *
 * @module
 */
import { type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { linePanel } from "./line_panel.ts";
import { scalesNote, seriesStyles } from "./look.ts";

const STYLES = seriesStyles([""]);

type RateRow = StudyMeasurements["rates"][string][number];

/** The sweep of one target, on its own held-out text. */
export interface RatePanel {
  readonly target: string;
  readonly rows: readonly RateRow[];
  /** Rates whose training diverged. */
  readonly diverged: number;
  readonly best: RateRow | undefined;
  /** Loss before fine-tuning; NaN where it is not known. */
  readonly before: number;
  /** Where the frame ends: what lies above it is no competitor. */
  readonly top: number;
}

/** Sweeps in the order of the targets. */
export function ratePanels(
  { targets }: StudyReportConfig,
  { rates, best }: StudyMeasurements,
): RatePanel[] {
  return targets.flatMap(({ name, label }) => {
    const all = (rates[name] ?? []).filter(({ source }) => source === name)
      .toSorted((a, b) => a.learning_rate - b.learning_rate);
    const rows = all.filter(({ loss }) => Number.isFinite(loss));
    if (rows.length === 0) return [];
    const winner = best[name]?.find(({ source }) => source === name);
    const before = winner?.loss_before ?? NaN;
    const losses = rows.map(({ loss }) => loss);
    const [lowest, highest] = [Math.min(...losses), Math.max(...losses)];
    const useful = lowest + 1.3 * (before - lowest);
    return [{
      target: label,
      rows,
      diverged: all.length - rows.length,
      best: rows.find(({ learning_rate }) => learning_rate === winner?.learning_rate),
      before,
      top: useful > lowest ? Math.min(useful, Math.max(highest, before)) : highest,
    }];
  });
}

/** Loss by rate, the winner ringed; what is worse than before fine-tuning by far is marked at the upper edge. */
export async function ratesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = ratePanels(config, all);
  if (panels.length === 0) return undefined;
  const title = "Held-out loss by peak learning rate, on the control";
  const diverged = panels.filter(({ diverged }) => diverged > 0)
    .map(({ target, diverged, rows }) =>
      `${target} at ${diverged} of ${rows.length + diverged} rates`
    );
  const outside = panels.some(({ rows, top }) => rows.some(({ loss }) => loss > top));
  return await renderFigure({
    name: "learning_rates",
    title,
    caption:
      "Held-out loss of each target after fine-tuning the control on it at each peak learning rate, in nats per " +
      "token, one seed. Ring: the lowest, with its rate, at which all arms are fine-tuned. Dashed line: before fine-tuning. " +
      (outside ? "Triangles at the upper edge: losses above it. " : "") +
      `Training diverged ${diverged.length > 0 ? `on ${diverged.join(", ")}` : "at no rate"}. ` +
      scalesNote(panels.length),
    chart: {
      title,
      columns: 2,
      spacing: 24,
      concat: panels.map((panel) => ratePanel(panel)),
    },
  });
}

function ratePanel({ target, rows, best, before, top }: RatePanel): object {
  const inside = rows.filter(({ loss }) => loss <= top);
  const lowest = Math.min(...inside.map(({ loss }) => loss));
  const scale = {
    domain: [lowest - 0.24 * (top - lowest || 1), top + 0.04 * (top - lowest)],
    nice: false,
  };
  const x = { field: "x", type: "quantitative" };
  const y = { field: "y", type: "quantitative" };
  const points = rows.map(({ learning_rate, loss }) => ({
    series: STYLES[0].label,
    x: learning_rate,
    y: loss,
  }));
  const beyond = points.filter((point) => point.y > top);
  const winner = best &&
    [{ x: best.learning_rate, y: best.loss, text: rateText(best.learning_rate) }];
  return linePanel({
    title: target,
    // A line that leaves the frame is cut at its edge.
    points: points.filter((point) => point.y <= top),
    styles: STYLES,
    x: "peak learning rate",
    y: "loss (nats/token)",
    reference: Number.isFinite(before) && before <= scale.domain[1] ? before : undefined,
    x_scale: { type: "log", nice: false, padding: 10 },
    x_axis: { labelExpr: POWERS, tickCount: 4 },
    y_scale: scale,
    over: [
      ...(beyond.length === 0 ? [] : [{
        data: { values: beyond },
        mark: {
          type: "point",
          shape: "triangle-up",
          size: 50,
          stroke: STYLES[0].colour,
          fill: "white",
        },
        encoding: { x, y: { value: 4 } },
      }]),
      ...(winner
        ? [
          {
            data: { values: winner },
            mark: { type: "point", size: 240, stroke: "#D55E00", strokeWidth: 2.5, opacity: 1 },
            encoding: { x, y },
          },
          {
            data: { values: winner },
            mark: { type: "text", dy: 19, fontSize: 12, color: "#222" },
            encoding: { x, y, text: { field: "text" } },
          },
        ]
        : []),
    ],
  });
}

/** Powers of ten alone have a label. */
const POWERS = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6 " +
  "? format(datum.value, '.0e') : ''";

/** "3.2e-4". */
export function rateText(rate: number): string {
  return rate.toExponential(1).replace(".0e", "e");
}
