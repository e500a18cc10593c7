/**
 * Heat maps: similarity of datasets, and CKA between the layers of two models.
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
import type { ReportConfig } from "../config.ts";
import type { CkaRow, SimilarityRow } from "../read.ts";

/** Similarity of every two sources (0 to 1). Pairs given in one order only are mirrored. */
export function similarityFigure(rows: SimilarityRow[]): Promise<Figure> {
  const cells = new Map<string, Cell>();
  for (const { a, b, similarity } of rows) {
    cells.set(`${b}\n${a}`, { x: a, y: b, value: similarity });
  }
  for (const { a, b, similarity } of rows) {
    cells.set(`${a}\n${b}`, { x: b, y: a, value: similarity });
  }
  const names = [...new Set(rows.flatMap(({ a, b }) => [a, b]))].sort();
  const values = [...cells.values()].filter((cell) => Number.isFinite(cell.value));
  return renderFigure({
    name: "similarity",
    title: "Similarity of the sources",
    caption:
      "Similarity of the token distributions: 0.4 cosine + 0.3 Jaccard + 0.3 (1 - Jensen-Shannon). " +
      "1 means the same distribution. Darker is more similar.",
    chart: {
      title: "Similarity of the sources",
      ...heatMap(values, names, "similarity", scaleFrom(values), { size: 64 }),
    },
  });
}

/** CKA (0 to 1) of every layer against every layer, one panel per pair of models, for one probe. */
export function ckaFigure(config: ReportConfig, rows: CkaRow[], probe: string): Promise<Figure> {
  const ofProbe = rows.filter((row) => row.probe === probe && Number.isFinite(row.cka));
  const pairs = informativePairs(config, ofProbe);
  const layers = [...new Set(ofProbe.flatMap((row) => [row.layer_a, row.layer_b]))].sort((a, b) =>
    a - b
  );
  const panels = pairs.map(([a, b]) => {
    const cells = ofProbe.filter((row) => row.model_a === a && row.model_b === b)
      .map((row): Cell => ({ x: row.layer_a, y: row.layer_b, value: row.cka }));
    return { a, b, cells };
  });
  const domain = scaleFrom(panels.flatMap((panel) => panel.cells));
  const name = `cka_${probe.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_")}`;
  return renderFigure({
    name,
    title: `CKA between model states, probe ${probe}`,
    caption:
      `Linear CKA of hidden states on ${probe}, every layer of one model against every layer of another ` +
      "(layer 0 is the embedding). 1 means the same representation up to rotation and scale.",
    chart: {
      title: `CKA between model states, probe ${probe}`,
      columns: 2,
      concat: panels.map(({ a, b, cells }) => ({
        title: { text: `${b} against ${a}`, fontSize: 13, offset: 6 },
        ...heatMap(cells, layers, "CKA", domain, {
          size: Math.max(14, Math.min(46, 230 / layers.length)),
          x: `layer of ${a}`,
          y: `layer of ${b}`,
        }),
      })),
    },
  });
}

/**
 * Pairs of different models, each once, those that answer a question first: what fine-tuning changed in each
 * arm, then how the arms differ before and after it, then the rest.
 */
export function informativePairs(config: ReportConfig, rows: CkaRow[]): [string, string][] {
  const [reference, ...others] = config.arms;
  const wanted = [
    ...config.arms.map((arm) => [arm.before_sft, arm.after_sft]),
    ...others.map((arm) => [reference.before_sft, arm.before_sft]),
    ...others.map((arm) => [reference.after_sft, arm.after_sft]),
  ];
  const rank = (a: string, b: string) => {
    const at = wanted.findIndex((pair) => pair.includes(a) && pair.includes(b));
    return at < 0 ? wanted.length : at;
  };
  const pairs = new Map<string, [string, string]>();
  for (const { model_a, model_b } of rows) {
    const key = [model_a, model_b].sort().join("\n");
    if (model_a !== model_b && !pairs.has(key)) pairs.set(key, [model_a, model_b]);
  }
  return [...pairs.entries()]
    .sort(([key_a, a], [key_b, b]) => rank(...a) - rank(...b) || (key_a < key_b ? -1 : 1))
    .map(([, pair]) => pair);
}
