/**
 * Figure 3: when specialised data come in, and how much of them.
 *
 * @module
 */
import { divergingMap, type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { linePanel, type LinePoint } from "./line_panel.ts";
import { withKey } from "./key.ts";
import { differenceNote, fileName, seedCount, seriesStyles, wholePercent } from "./look.ts";

type Comparison = StudyMeasurements["comparison"][number];

/** One mixture of the grid on one held-out source. */
export interface GridRow extends Comparison {
  /** Percentage of the run after which the mixture begins. */
  readonly start: number;
  /** Percentage of the tokens. */
  readonly weight: number;
}

/** The grid of one specialised source, on the target that it is meant for. */
export interface Grid {
  readonly specialised: string;
  readonly target: string;
  readonly in_domain: readonly GridRow[];
  readonly general: readonly GridRow[];
}

/** Sources of which there are mixtures with other weights or starts than the main one. */
export function grids(
  { general, targets, matched }: StudyReportConfig,
  { arms, comparison }: StudyMeasurements,
): Grid[] {
  const mixed = arms.filter(({ kind }) => kind === "midtrain" || kind === "ablation");
  const varied = mixed.filter(({ kind }) => kind === "ablation").map((arm) => arm.specialised);
  return [...new Set(varied)].flatMap((specialised) => {
    const target = matched.find((pair) => pair.specialised === specialised)?.target;
    const of_source = mixed.filter((arm) => arm.specialised === specialised);
    const rowsOn = (source: string) =>
      of_source.flatMap(({ arm, start, weight }) =>
        comparison.filter((row) =>
          row.arm === arm && row.target === target && row.source === source &&
          Number.isFinite(row.difference)
        ).map((row) => ({ ...row, start: wholePercent(start), weight: wholePercent(weight) }))
      );
    const in_domain = target === undefined ? [] : rowsOn(target);
    const label = targets.find(({ name }) => name === target)?.label ?? target ?? "";
    return in_domain.length > 1
      ? [{ specialised, target: label, in_domain, general: rowsOn(general) }]
      : [];
  });
}

/** For each source: a map of start and weight, and the difference by start, and by weight, with intervals. */
export async function gridFigures(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure[]> {
  const figures = grids(config, all).flatMap((grid) => [
    gridMap(grid, config.general),
    gridLines(grid, config.general),
  ]);
  return await Promise.all(figures);
}

function panelsOf({ in_domain, general, target }: Grid, general_source: string) {
  return [
    { title: target, rows: in_domain },
    { title: `${general_source}, after ${target}`, rows: general },
  ].filter(({ rows }) => rows.length > 0);
}

const ascending = (values: number[]) => [...new Set(values)].sort((a, b) => a - b);

function gridMap(grid: Grid, general: string): Promise<Figure> {
  const { specialised, in_domain } = grid;
  const title = `Start and weight of ${specialised}: difference from the control`;
  const starts = ascending(in_domain.map(({ start }) => start));
  const weights = ascending(in_domain.map(({ weight }) => weight)).reverse();
  return renderFigure({
    name: fileName("grid", specialised),
    title,
    caption:
      "Held-out loss after fine-tuning minus the control's, in nats per token: blue is better than the " +
      "control, orange worse, white the same. Start: share of the run after which the mixture begins; weight: share " +
      "of tokens. Empty cells were not trained. " +
      `Mean of ${seedCount(in_domain)}. Each panel has its own scale of colours.`,
    chart: {
      title,
      spacing: 30,
      resolve: { scale: { color: "independent" } },
      hconcat: panelsOf(grid, general).map(({ title, rows }) => ({
        title: { text: title, fontSize: 13, offset: 6, frame: "group" },
        ...divergingMap(
          rows.map(({ start, weight, difference }) => ({ x: start, y: weight, value: difference })),
          { x: "start (% of the run)", y: "weight (% of tokens)", columns: starts, rows: weights },
        ),
      })),
    },
  });
}

/** Points of the weight that was tried from most starts, and of the starts that most weights were tried from. */
export function gridLinePoints(rows: readonly GridRow[]) {
  const along = (by: "start" | "weight", of: "start" | "weight") => {
    const lines = [...Map.groupBy(rows, (row) => row[of])].sort(([a], [b]) => a - b);
    const most = Math.max(...lines.map(([, line]) => line.length));
    return lines.filter(([, line]) => line.length === most && most > 1).flatMap(([fixed, line]) =>
      line.map((row): LinePoint => ({
        series: of === "weight" ? `weight ${fixed}%` : `start at ${fixed}%`,
        x: row[by],
        y: row.difference,
        low: row.ci_low,
        high: row.ci_high,
      })).sort((a, b) => a.x - b.x)
    );
  };
  return { by_start: along("start", "weight"), by_weight: along("weight", "start") };
}

function gridLines(grid: Grid, general: string): Promise<Figure> {
  const { specialised, in_domain } = grid;
  const title = `Difference from the control by start and by weight of ${specialised}`;
  const panels = panelsOf(grid, general).map((panel) => ({
    ...panel,
    ...gridLinePoints(panel.rows),
  }));
  const series = [
    ...new Set(
      panels.flatMap(({ by_start, by_weight }) =>
        [...by_start, ...by_weight].map(({ series }) => series)
      ),
    ),
  ];
  const styles = seriesStyles(series);
  const row = (pick: "by_start" | "by_weight", x: string) =>
    panels.filter((panel) => panel[pick].length > 0).map((panel) =>
      linePanel({
        title: panel.title,
        points: panel[pick],
        styles,
        x,
        y: "difference (nats/token)",
        reference: 0,
        dodge: true,
      })
    );
  return renderFigure({
    name: fileName("grid_lines", specialised),
    title,
    caption:
      "Held-out loss after fine-tuning minus the control's, in nats per token; below the dashed line is " +
      `better than the control. ${
        differenceNote(in_domain)
      }Lines that share places stand a little ` +
      "beside each other. Each panel has its own scale.",
    chart: withKey(title, styles, {
      columns: 2,
      spacing: 24,
      concat: [
        ...row("by_start", "start (% of the run)"),
        ...row("by_weight", "weight (% of tokens)"),
      ],
    }, { lines: true }),
  });
}
