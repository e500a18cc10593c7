/**
 * Figures and tables that several reports show: similarity of sources, CKA of models, datasets and mixtures.
 *
 * @module
 */
import { ports } from "../stage/mod.ts";
import { type Figure, renderFigure } from "./figure.ts";
import { type Cell, heatMap, scaleFrom } from "./heat_map.ts";
import { MAX_WIDTH } from "./series.ts";
import {
  labelled,
  labelledFile,
  type RowOf,
  type ShownTable,
  shownTable,
  tableFile,
} from "./tables.ts";
import { count, decimals, fileName, interval, percent } from "./text.ts";

type SimilarityRow = RowOf<typeof ports.similarity>;
type CkaRow = RowOf<typeof ports.cka>;

/** Rows about two things, each pair once, in either order; pairs of a thing with itself are left out. */
export function oncePerPair<R>(
  rows: readonly R[],
  pairOf: (row: R) => [a: string, b: string, ...more: string[]],
) {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const [a, b, ...more] = pairOf(row);
    const key = JSON.stringify([[a, b].sort(), more]);
    return a !== b && !seen.has(key) && seen.add(key);
  });
}

export interface SimilarityOptions {
  readonly title: string;
  /** Names in display order; others follow, sorted. */
  readonly order?: readonly string[];
  /** A name as shown. */
  readonly shown?: (name: string) => string;
  /** Added to the caption of the figure. */
  readonly note?: string;
}

/** A similarity matrix: names in order, and cells in both orders of each pair. */
export function similarityMatrix(
  rows: readonly SimilarityRow[],
  { order = [], shown = (name) => name }: Pick<SimilarityOptions, "order" | "shown">,
): { names: string[]; cells: Cell[] } {
  const measured = rows.filter(({ similarity }) => Number.isFinite(similarity));
  const found = new Set(measured.flatMap(({ a, b }) => [a, b]));
  const names = new Set([...order.filter((name) => found.has(name)), ...[...found].sort()]);
  const cells = new Map<string, Cell>();
  for (const { a, b, similarity: value } of measured) {
    for (const [x, y] of [[a, b], [b, a]].map((pair) => pair.map(shown))) {
      cells.set(JSON.stringify([x, y]), { x, y, value });
    }
  }
  return { names: [...names].map(shown), cells: [...cells.values()] };
}

/** The similarity of every two sources as a heat map, and a table of its components. */
export async function similarityBlocks(
  rows: readonly SimilarityRow[],
  options: SimilarityOptions,
): Promise<(Figure | ShownTable)[]> {
  const { names, cells } = similarityMatrix(rows, options);
  const room = MAX_WIDTH - 114 - 8 * Math.max(...names.map(({ length }) => length));
  const size = Math.max(14, Math.min(56, Math.floor(room / names.length)));
  const { title, note = "" } = options;
  const caption = "Similarity of token distributions, from 0 to 1: 0.4 cosine + 0.3 Jaccard + " +
    `0.3 (1 - Jensen-Shannon) by default. 1 means identical distributions; darker is more similar.${note}` +
    widest(rows, "bootstrap");
  const chart = heatMap(cells, names, "similarity", scaleFrom(cells), { size });
  const figure = { name: "similarity", title, caption, chart };
  const table = shownTable(
    "Components of the similarity, each pair once.",
    oncePerPair(rows, ({ a, b }) => [a, b]),
    {
      a: ({ a }) => a,
      b: ({ b }) => b,
      "#similarity": (row) => decimals(row.similarity),
      "#95% interval": ({ ci_low, ci_high }) => interval(ci_low, ci_high),
      "#cosine": (row) => decimals(row.cosine),
      "#Jaccard": (row) => decimals(row.jaccard),
      "#overlap": (row) => decimals(row.overlap),
      "#Jensen-Shannon": (row) => decimals(row.jensen_shannon),
    },
    tableFile("similarity", ports.similarity, rows),
  );
  return cells.length > 0 ? [await renderFigure(figure), table] : [table];
}

function widest(rows: readonly Pick<CkaRow, "ci_low" | "ci_high">[], kind: string): string {
  const widths = rows.flatMap(({ ci_low, ci_high }) =>
    ci_low === null || ci_high === null ? [] : ci_high - ci_low
  );
  if (widths.length === 0) return "";
  return ` The widest 95% ${kind} interval spans ${Math.max(...widths).toFixed(3)}.`;
}

/** Two models, and CKA of every layer of one with every layer of the other. */
export interface ModelPair {
  /** Along x. */
  readonly a: string;
  /** Along y. */
  readonly b: string;
  readonly cells: readonly Cell[];
}

/** Every two different models once, by ascending rank. */
export function modelPairs(
  rows: readonly CkaRow[],
  rank: (a: string, b: string) => number,
): ModelPair[] {
  const pairs = new Map<string, { a: string; b: string; cells: Cell[] }>();
  for (const { model_a, model_b, layer_a, layer_b, cka } of rows) {
    if (model_a === model_b || !Number.isFinite(cka)) continue;
    const key = JSON.stringify([model_a, model_b].sort());
    const pair = pairs.get(key) ?? { a: model_a, b: model_b, cells: [] };
    pairs.set(key, pair);
    // A table with both orders has every value twice.
    if (pair.a === model_a) pair.cells.push({ x: layer_a, y: layer_b, value: cka });
  }
  return [...pairs.values()].sort((p, q) => rank(p.a, p.b) - rank(q.a, q.b));
}

export interface CkaOptions {
  /** Parts of the file name, before the probe's name. */
  readonly name: readonly string[];
  /** What is compared, as part of the title. */
  readonly models: string;
  /** Order of pairs. */
  readonly rank: (a: string, b: string) => number;
  /** A model's name as shown. */
  readonly shown?: (model: string) => string;
  /** Added to the caption. */
  readonly note?: string;
}

/** The text of a probe, and what its rows are where that is not every position: "c4, a row per text". */
export function probeLabel({ probe, rows }: Pick<CkaRow, "probe" | "rows">): string {
  return rows === "document_mean" ? `${probe}, a row per text` : probe;
}

/** CKA of every two models as heat maps, one figure for each probe and kind of rows, all on one colour scale. */
export async function ckaFigures(rows: readonly CkaRow[], options: CkaOptions): Promise<Figure[]> {
  const { shown = (model) => model, note = "" } = options;
  const probes = [...Map.groupBy(rows, probeLabel)]
    .map(([probe, of_probe]) => ({ probe, of_probe, pairs: modelPairs(of_probe, options.rank) }))
    .filter(({ pairs }) => pairs.length > 0);
  const domain = scaleFrom(probes.flatMap(({ pairs }) => pairs.flatMap(({ cells }) => cells)));
  // Four panels make a square; more are three in a row.
  const columns = Math.max(...probes.map(({ pairs }) => pairs.length)) <= 4 ? 2 : 3;
  const room = PANEL[columns];
  const panel = ({ a, b, cells }: ModelPair) => {
    const layers = new Set(cells.flatMap(({ x, y }) => [Number(x), Number(y)]));
    const size = Math.min(40, room / layers.size);
    const ascending = [...layers].sort((p, q) => p - q);
    return heatMap(cells, ascending, "CKA", domain, { size, x: shown(a), y: shown(b) });
  };
  const figures = probes.map(({ probe, of_probe, pairs }) =>
    renderFigure({
      name: fileName(...options.name, probe),
      title: `CKA on ${probe}: ${options.models}`,
      caption:
        `Linear CKA (0 to 1) of hidden states on held-out text of ${probe}: every layer of one model ` +
        `(horizontal) with every layer of another (vertical); layer 0 is the embedding.${note} 1 means the same ` +
        `representation up to rotation and scale; darker is more similar.${
          widest(of_probe, "jackknife")
        }`,
      chart: { columns, spacing: { row: 20, column: 16 }, concat: pairs.map(panel) },
    })
  );
  return await Promise.all(figures);
}

/** Room for the cells of each panel in CSS pixels, by the number of panels side by side. */
const PANEL = { 2: 230, 3: 150 } as const;

/** Datasets with their sizes and licences. */
export function datasetTable(rows: readonly RowOf<typeof ports.dataset_summary>[]): ShownTable {
  return shownTable("Datasets.", rows, {
    source: ({ source }) => source,
    dataset: ({ dataset }) => dataset,
    split: ({ split }) => split,
    "#documents": ({ documents }) => count(documents),
    "#tokens": ({ tokens }) => count(tokens),
    "#bytes of text": ({ text_bytes }) => count(text_bytes),
    licence: ({ licence }) => licence,
  }, tableFile("data", ports.dataset_summary, rows));
}

/** Tokens drawn from each source, by phase. */
export function mixtureTable(
  mixtures: Readonly<Record<string, readonly RowOf<typeof ports.mixture_ledger>[]>>,
): ShownTable {
  return shownTable(
    "Tokens drawn from each source, by training phase.",
    labelled("phase", mixtures),
    {
      phase: ({ phase }) => phase,
      "#from token": ({ from_token }) => count(from_token),
      source: ({ source }) => source,
      "#requested": ({ requested_share }) => percent(requested_share),
      "#drawn": ({ achieved_share }) => percent(achieved_share),
      "#tokens": ({ tokens }) => count(tokens),
      "#available": ({ available_tokens }) => count(available_tokens),
      "#epochs": ({ phase_epochs }) => decimals(phase_epochs, 2),
      "#epochs since the start": ({ epochs }) => decimals(epochs, 2),
    },
    labelledFile("mixtures", "phase", ports.mixture_ledger, mixtures),
  );
}
