/**
 * When specialised data starts, and how much of it there is (paper, Figure 3).
 *
 * @module
 */
import {
  divergingMap,
  type Figure,
  fileName,
  leftOut,
  linePanel,
  type LinePoint,
  lowIsDarkMap,
  panelTitle,
  present,
  renderFigure,
  type Section,
  section,
  withKey,
} from "@causeway/core/report";
import {
  bothPanels,
  comparedOnBoth,
  type ComparedRow,
  crossedArms,
  gridArms,
  mainArm,
  type OnBothSources,
} from "../effects.ts";
import { shadeStyles } from "../styles.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armsTable, differenceNote, runCount, wholePercent } from "../tables.ts";

/** Heat maps, lines with intervals, and the table. */
export async function gridSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Start time and weight";
  const arms = gridArms(all).toSorted((a, b) => a.start - b.start || a.weight - b.weight);
  if (arms.length === 0) {
    return leftOut("grid", heading, "the study has no arms with other starts or weights");
  }
  const table = armsTable(
    "grid",
    "Start times and weights (paper, Figure 3): loss after fine-tuning on the matched target; below it, the difference " +
      "from the control.",
    config,
    all,
    arms,
  );
  return section("grid", heading, { blocks: [...await present(gridFigures(config, all)), table] });
}

/** One mixture of the grid on one held-out source. */
export interface GridRow extends ComparedRow {
  /** Start of the mixture, as a percentage of the run. */
  readonly start: number;
  /** Percentage of the tokens. */
  readonly weight: number;
}

/** The grid of one specialised source, on its matched target. */
export interface Grid extends OnBothSources<GridRow> {
  readonly specialised: string;
}

/** Sources with ablations of weight or start, together with their main arm. */
export function grids(config: StudyReportConfig, all: StudyMeasurements): Grid[] {
  const varied = all.arms.filter(({ kind }) => kind === "ablation").map((arm) => arm.specialised);
  return [...new Set(varied)].flatMap((specialised) => {
    const target = config.matched.find((pair) => pair.specialised === specialised)?.target;
    if (target === undefined) return [];
    const arms = crossedArms(
      all.arms.filter((arm) => {
        return ["midtrain", "ablation"].includes(arm.kind) && arm.specialised === specialised;
      }),
    ).map(({ arm, start, weight }) => {
      return { arm, start: wholePercent(start), weight: wholePercent(weight) };
    });
    const grid = { specialised, ...comparedOnBoth(config, all, arms, target) };
    return grid.in_domain.length > 1 ? [grid] : [];
  });
}

/** For each source a heat map of start and weight, and lines by start and by weight with intervals. */
export async function gridFigures(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure[]> {
  return await Promise.all(
    grids(config, all).flatMap((grid) => {
      return [gridLosses(config, grid), gridMap(config, grid), gridLines(config, all, grid)];
    }),
  );
}

const ascending = (values: number[]) => [...new Set(values)].sort((a, b) => a - b);
const [START, WEIGHT] = ["start (% of the run)", "weight (% of tokens)"];

/** Axes of a map, and how its panels are placed. */
function layout({ in_domain }: Grid) {
  return {
    axes: {
      x: START,
      y: WEIGHT,
      columns: ascending(in_domain.map(({ start }) => start)),
      rows: ascending(in_domain.map(({ weight }) => weight)).reverse(),
    },
    panels: { spacing: 30, resolve: { scale: { color: "independent" } } },
  };
}

const CELLS =
  "Start: share of the run before the mixture begins; weight: share of tokens. Empty cells " +
  "were not trained.";

function gridLosses(config: StudyReportConfig, grid: Grid): Promise<Figure> {
  const { axes, panels } = layout(grid);
  return renderFigure({
    name: fileName("grid_losses", grid.specialised),
    title: `Start and weight of ${grid.specialised}: loss after fine-tuning`,
    caption:
      "Held-out loss after fine-tuning, in nats per token: the darker, the lower (better). " +
      `${CELLS} Mean of ${runCount(grid.in_domain)}. Each panel has its own colour scale.`,
    chart: {
      ...panels,
      hconcat: bothPanels(config, grid).map(({ title, rows: cells }) => ({
        title: panelTitle(title),
        ...lowIsDarkMap(
          cells.map(({ start: x, weight: y, loss_after: value }) => ({ x, y, value })),
          axes,
        ),
      })),
    },
  });
}

function gridMap(config: StudyReportConfig, grid: Grid): Promise<Figure> {
  const { specialised, in_domain } = grid;
  const { axes, panels } = layout(grid);
  return renderFigure({
    name: fileName("grid", specialised),
    title: `Start and weight of ${specialised}: difference from the control`,
    caption:
      "Held-out loss after fine-tuning, arm − control, in nats per token: blue is better than the control, orange is " +
      `worse, white is equal. ${CELLS} Mean of ${
        runCount(in_domain)
      }. Each panel has its own colour scale.`,
    chart: {
      ...panels,
      hconcat: bothPanels(config, grid).map(({ title, rows: cells }) => ({
        title: panelTitle(title),
        ...divergingMap(
          cells.map(({ start: x, weight: y, difference: value }) => ({ x, y, value })),
          axes,
        ),
      })),
    },
  });
}

/** Lines along start for the weight with most starts, and along weight for the starts with most weights. */
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

function gridLines(
  config: StudyReportConfig,
  all: StudyMeasurements,
  grid: Grid,
): Promise<Figure> {
  const { specialised, in_domain } = grid;
  const panels = bothPanels(config, grid)
    .map(({ title, rows }) => ({ title, ...gridLinePoints(rows) }));
  const points = panels.flatMap(({ by_start, by_weight }) => [...by_start, ...by_weight]);
  const styles = shadeStyles(all, mainArm(all, specialised), [
    ...new Set(points.map(({ series }) => series)),
  ]);
  const row = (along: "by_start" | "by_weight", x: string) =>
    panels.filter((panel) => panel[along].length > 0).map((panel) =>
      linePanel({
        title: panel.title,
        points: panel[along],
        styles,
        x,
        y: "difference (nats/token)",
        reference: 0,
        dodge: true,
      })
    );
  return renderFigure({
    name: fileName("grid_lines", specialised),
    title: `Difference from the control by start and by weight of ${specialised}`,
    caption:
      "Held-out loss after fine-tuning, arm − control, in nats per token; below the dashed line is better than the " +
      `control. ${
        differenceNote(in_domain)
      }Overlapping lines are shifted slightly apart. Each panel has its own scale.`,
    chart: withKey(styles, {
      columns: 2,
      spacing: 24,
      concat: [...row("by_start", START), ...row("by_weight", WEIGHT)],
    }, { lines: true }),
  });
}
