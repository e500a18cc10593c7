/**
 * Vega-Lite specs to SVG text, and the look that all figures share.
 *
 * Vega rather than Observable Plot: its View writes SVG without a DOM (Plot needs one), draws legends and
 * linked panels itself, and gives the same bytes twice (Plot names its classes at random).
 *
 * @module
 */
import { escapeText } from "./markup.ts";
import type { Spec } from "vega";
import type { TopLevelSpec } from "vega-lite";

/** A figure as it is shown and saved. */
export interface Figure {
  /** File name without ending; its anchor on the page is `figure-<name>`. */
  name: string;
  /** Short text for those who cannot see the picture, and for the SVG's title. */
  title: string;
  caption: string;
  /** Natural width in CSS pixels. */
  width: number;
  svg: string;
}

/** Okabe and Ito's palette, told apart by readers with any colour vision; the first is for shared parts. */
export const SHARED_COLOUR = "#555555";
export const ARM_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
/** Dashes repeat the distinction for print without colour. */
export const ARM_DASHES = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [1, 3]];

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

const LOOK = {
  background: "white",
  padding: 12,
  config: {
    font: FONT,
    aria: false, // one title and description for the whole picture read better than one for each mark
    view: { stroke: null },
    axis: {
      labelFontSize: 12,
      titleFontSize: 13,
      titleFontWeight: "normal",
      labelColor: "#333",
      titleColor: "#111",
      gridColor: "#e6e6e6",
      domainColor: "#888",
      tickColor: "#888",
      labelFlush: false,
      titlePadding: 10,
      labelPadding: 5,
      labelOverlap: true,
    },
    legend: {
      orient: "top",
      labelFontSize: 13,
      symbolType: "stroke",
      symbolStrokeWidth: 2.5,
      symbolSize: 600,
      gradientLabelOffset: 6,
      labelLimit: 320,
      titleFontSize: 13,
      titleFontWeight: "normal",
    },
    header: { labelFontSize: 13, labelFontWeight: "bold", labelColor: "#111" },
    title: { fontSize: 15, anchor: "start", color: "#111", offset: 12, subtitleColor: "#444" },
  },
} as const;

/** Vega's hook for measuring text, which its types leave out. */
interface TextMetrics {
  textMetrics: { width(item: { fontSize?: number }, text: unknown): number };
}

/** Loaded when the first figure is drawn: every step's thread loads the recipe, and few of them draw. */
async function loadVega() {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  // Without a canvas Vega takes every character to be 0.8 of the font size wide, which spreads legends apart.
  // Sans-serif text is nearer 0.56, in the widest of FONT's 0.62, and text taken for narrower than it is would be cut.
  // Setting it also keeps a canvas package that happens to be installed from changing the bytes.
  (vega as unknown as TextMetrics).textMetrics.width = ({ fontSize = 11 }, text) =>
    Math.round(0.62 * fontSize * String(text ?? "").length);
  return { vega, compile };
}

/**
 * Renders one figure.
 *
 * @param chart a Vega-Lite spec; its `title` is drawn, and the shared look is added.
 * @returns the figure, its SVG carrying `title` and `caption` for screen readers.
 */
export async function renderFigure(
  { name, title, caption, chart }: Omit<Figure, "svg" | "width"> & { chart: object },
): Promise<Figure> {
  const { vega, compile } = await loadVega();
  const spec = compile({ ...LOOK, ...chart } as TopLevelSpec).spec as Spec;
  const view = new vega.View(vega.parse(spec), { renderer: "none" });
  const drawn = await view.toSVG();
  view.finalize();
  const width = Number(/ width="(\d+)"/.exec(drawn)?.[1]);
  return { name, title, caption, width, svg: describe(drawn, name, title, caption) };
}

/**
 * Adds title and description, and names ids after the figure. Vega numbers ids from a counter that goes on for
 * as long as the process does; here they count from 0, so that a figure always comes out the same, and several
 * can share one page.
 */
function describe(svg: string, name: string, title: string, caption: string): string {
  const head = `<title id="${name}-title">${escapeText(title)}</title>` +
    `<desc id="${name}-desc">${escapeText(caption)}</desc>`;
  const ids: string[] = [];
  const own = (id: string) => {
    if (!ids.includes(id)) ids.push(id);
    return `${name}-${ids.indexOf(id)}`;
  };
  return svg
    .replaceAll(/(\bid="|href="#|url\(#)([\w-]+)/g, (_, before, id) => before + own(id))
    .replace(
      /<svg ([^>]*)>/,
      (_, attributes) =>
        `<svg ${attributes} role="img" aria-labelledby="${name}-title ${name}-desc">${head}`,
    );
}
