/**
 * The sweep of fine-tuning learning rates on the control (paper, Tables 6 and 7).
 *
 * @module
 */
import {
  decimals,
  type Figure,
  labelledFile,
  leftOut,
  linePanel,
  present,
  referenceStyle,
  renderFigure,
  type Section,
  section,
  type ShownCell,
  shownTable,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { scalesNote } from "../tables.ts";

/** The sweep as a figure and as a table. */
export async function ratesSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const { targets } = config;
  const heading = "Learning rates of fine-tuning";
  const rows = targets.flatMap(({ name }) =>
    (all.rates[name] ?? []).filter(({ source }) => source === name)
  );
  if (rows.length === 0) {
    return leftOut("rates", heading, "no learning-rate sweep is wired to the report");
  }
  const rates = [...new Set(rows.map(({ learning_rate }) => learning_rate))].sort((a, b) => a - b);
  const swept = targets.filter(({ name }) => rows.some(({ source }) => source === name));
  const columns = swept.map(({ name, label }) => {
    const best = all.best[name]?.find(({ source }) => source === name)?.learning_rate;
    const cell = (rate: number): ShownCell => {
      const row = rows.find((row) => row.source === name && row.learning_rate === rate);
      if (!row) return "";
      const text = row.loss === null ? "diverged" : decimals(row.loss);
      return rate === best ? { text, strong: true } : text;
    };
    return [`#${label}`, cell] as const;
  });
  const table = shownTable(
    "Held-out loss on each target after fine-tuning the control on it at each peak learning rate, in nats per token " +
      "(paper, Tables 6 and 7). Bold: the best rate, which fine-tuning uses.",
    rates,
    { "peak learning rate": rateText, ...Object.fromEntries(columns) },
    labelledFile("learning_rates", "target", study_ports.learning_rate_losses, all.rates),
  );
  return section("rates", heading, { blocks: [...await present(ratesFigure(config, all)), table] });
}

/** The control's look, as everywhere. */
const STYLES = [referenceStyle("", [1, 0])];

/** A rate at which training did not diverge. */
type RateRow = StudyMeasurements["rates"][string][number] & { readonly loss: number };

/** The sweep of one target, on its own held-out text. */
export interface RatePanel {
  readonly target: string;
  readonly rows: readonly RateRow[];
  /** Number of rates at which training diverged. */
  readonly diverged: number;
  readonly best: RateRow | undefined;
  /** Loss before fine-tuning, if known. */
  readonly before: number | undefined;
  /** Top of the frame: losses far above that before fine-tuning are cut off. */
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
    const rows = all.filter((row): row is RateRow => row.loss !== null);
    if (rows.length === 0) return [];
    const winner = best[name]?.find(({ source }) => source === name);
    const before = winner?.loss_before;
    const losses = rows.map(({ loss }) => loss);
    const [lowest, highest] = [Math.min(...losses), Math.max(...losses)];
    const useful = before === undefined ? lowest : lowest + 1.3 * (before - lowest);
    return [{
      target: label,
      rows,
      diverged: all.length - rows.length,
      best: rows.find(({ learning_rate }) => learning_rate === winner?.learning_rate),
      before,
      top: useful > lowest ? Math.min(useful, Math.max(highest, before!)) : highest,
    }];
  });
}

/** Loss by rate, with a ring around the best; losses above the frame are marked at its upper edge. */
async function ratesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = ratePanels(config, all);
  if (panels.length === 0) return undefined;
  const diverged = panels.filter(({ diverged }) => diverged > 0)
    .map(({ target, diverged, rows }) =>
      `${target} at ${diverged} of ${rows.length + diverged} rates`
    );
  const outside = panels.some(({ rows, top }) => rows.some(({ loss }) => loss > top));
  return await renderFigure({
    name: "learning_rates",
    title: "Held-out loss of the control by peak learning rate",
    caption:
      "Held-out loss of each target after fine-tuning the control on it at each peak learning rate, in nats per " +
      "token, one seed. Ring: the lowest loss, whose rate fine-tuning uses. Dashed line: before fine-tuning. " +
      (outside ? "Triangles at the upper edge: losses above it. " : "") +
      (diverged.length > 0
        ? `Training diverged on ${diverged.join(", ")}. `
        : "No training diverged. ") +
      scalesNote(panels.length),
    chart: {
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
    points: points.filter((point) => point.y <= top),
    styles: STYLES,
    x: "peak learning rate",
    y: "loss (nats/token)",
    reference: before !== undefined && before <= scale.domain[1] ? before : undefined,
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

/** Only powers of ten are labelled. */
const POWERS = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6 " +
  "? format(datum.value, '.0e') : ''";

/** "3.2e-4". */
export function rateText(rate: number): string {
  return rate.toExponential(1).replace(".0e", "e");
}
