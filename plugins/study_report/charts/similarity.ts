/**
 * Figures 1 and 6: similarity of sources, mixtures and targets.
 *
 * @module
 */
import {
  type Cell,
  type Figure,
  heatMap,
  renderFigure,
  scaleFrom,
} from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { MAX_WIDTH } from "./look.ts";

/** The matrix: names in order, and a cell for every two that were compared. */
export interface Matrix {
  readonly names: readonly string[];
  readonly cells: readonly Cell[];
}

/** General data first, then what is brought in, the mixtures, the targets and the rest. Pairs are mirrored. */
export function similarityMatrix(
  { general, targets }: StudyReportConfig,
  { arms, similarity }: StudyMeasurements,
): Matrix {
  const rows = similarity.filter((row) => Number.isFinite(row.similarity));
  const present = [...new Set(rows.flatMap(({ a, b }) => [a, b]))];
  const of_targets = targets.map(({ name }) => name);
  const sources = arms.map(({ specialised }) => specialised)
    .filter((source) => !of_targets.includes(source));
  const wanted = [general, ...sources, ...arms.map(({ label }) => label), ...of_targets];
  const order = [
    ...new Set([...wanted.filter((name) => present.includes(name)), ...present.sort()]),
  ];
  const shown = (name: string) => targets.find((target) => target.name === name)?.label ?? name;
  const cells = new Map<string, Cell>();
  for (const { a, b, similarity: value } of rows) {
    for (const [x, y] of [[a, b], [b, a]].map((pair) => pair.map(shown))) {
      cells.set(JSON.stringify([x, y]), { x, y, value });
    }
  }
  return { names: order.map(shown), cells: [...cells.values()] };
}

/** The matrix with its numbers. */
export async function similarityFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const { names, cells } = similarityMatrix(config, all);
  if (cells.length === 0) return undefined;
  const title = "Similarity of sources, mixtures and targets";
  const longest = Math.max(...names.map(({ length }) => length));
  const room = MAX_WIDTH - 24 - 90 - 8 * longest;
  const size = Math.max(14, Math.min(56, Math.floor(room / names.length)));
  return await renderFigure({
    name: "similarity",
    title,
    caption:
      "Similarity of token distributions from 0 to 1: 0.4 cosine + 0.3 Jaccard + 0.3 (1 - Jensen-Shannon) " +
      "by default. 1 means the same distribution; darker is more similar. Mixtures are simulated at their weights." +
      intervalNote(all.similarity),
    chart: {
      title,
      ...heatMap([...cells], [...names], "similarity", scaleFrom([...cells]), { size }),
    },
  });
}

function intervalNote(rows: StudyMeasurements["similarity"]): string {
  const widths = rows.map(({ ci_low, ci_high }) => ci_high - ci_low).filter(Number.isFinite);
  if (widths.length === 0) return "";
  return ` The widest of the bootstrap intervals of 95% spans ${Math.max(...widths).toFixed(3)}.`;
}
