/**
 * Draws held-out loss against learning rate.
 *
 * @module
 */
import type { Spec } from "vega";
import type { TopLevelSpec } from "vega-lite";

/** One point of the chart; a loss that is not finite is left out. */
export interface ChartRow {
  learning_rate: number;
  source: string;
  loss: number;
}

/** Okabe and Ito's palette, told apart by readers with any colour vision. */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

/** Vega's hook for measuring text, which its types leave out. */
interface TextMetrics {
  textMetrics: { width(item: { fontSize?: number }, text: unknown): number };
}

function specOf(rows: readonly ChartRow[], best: readonly ChartRow[]): object {
  const rate = { field: "learning_rate", type: "quantitative", scale: { type: "log" } };
  const encoding = {
    x: { ...rate, title: "peak learning rate", axis: { format: ".0e" } },
    y: {
      field: "loss",
      type: "quantitative",
      scale: { zero: false },
      title: "held-out loss (nats)",
    },
    color: { field: "source", type: "nominal", scale: { range: COLOURS } },
  };
  return {
    background: "white",
    padding: 12,
    width: 520,
    height: 300,
    config: { font: "sans-serif", aria: false },
    title: "Held-out loss after fine-tuning, by peak learning rate",
    encoding,
    layer: [
      { data: { values: rows.filter(({ loss }) => Number.isFinite(loss)) }, mark: "line" },
      { data: { values: best }, mark: { type: "point", size: 90, filled: true } },
    ],
  };
}

/**
 * The chart as SVG text.
 *
 * @param best the lowest point of each source, marked by a dot.
 */
export async function drawChart(
  rows: readonly ChartRow[],
  best: readonly ChartRow[],
): Promise<string> {
  // Loaded here, since every step's thread loads the module of its stage before it has anything to draw.
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  // Without a canvas Vega takes characters to be 0.8 of the font size wide; sans-serif text is nearer 0.56. Setting
  // it also keeps a canvas package that happens to be installed from changing the bytes.
  (vega as unknown as TextMetrics).textMetrics.width = ({ fontSize = 11 }, text) =>
    Math.round(0.56 * fontSize * String(text ?? "").length);
  const spec = compile(specOf(rows, best) as TopLevelSpec).spec as Spec;
  const view = new vega.View(vega.parse(spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
