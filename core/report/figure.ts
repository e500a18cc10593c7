/**
 * Renders Vega-Lite specs to SVG text, in the look that all figures share.
 *
 * Vega rather than Observable Plot: its View writes SVG without a DOM (Plot needs one), lays out panels itself, and gives
 * the same bytes every time (Plot names its classes at random).
 *
 * @module
 */
import { escapeText } from "./text.ts";
import type { Spec } from "vega";
import type { TopLevelSpec } from "vega-lite";

/** A rendered figure. */
export interface Figure {
  /** File name without its extension; the anchor on the page is `figure-<name>`. */
  name: string;
  /** Heading of the picture, and its name for screen readers. */
  title: string;
  caption: string;
  /** Natural width in CSS pixels. */
  width: number;
  svg: string;
}

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

const LOOK = {
  background: "white",
  padding: 12,
  config: {
    font: FONT,
    aria: false, // screen readers get one title and description, not one for every mark
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
      labelFontSize: 13,
      gradientLabelOffset: 6,
      titleFontSize: 13,
      titleFontWeight: "normal",
    },
    title: { fontSize: 15, anchor: "start", color: "#111", offset: 12, subtitleColor: "#444" },
  },
} as const;

/** Vega's hook for measuring text, which its types leave out. */
interface TextMetrics {
  textMetrics: { width(item: { fontSize?: number }, text: unknown): number };
}

/**
 * Renders a Vega-Lite spec as SVG text.
 *
 * @param character_width assumed width of a character, as a share of the font size. Without a canvas Vega assumes 0.8,
 * which spreads legends apart; sans-serif text is nearer 0.56, and 0.62 fits the widest of FONT. Setting it also keeps
 * the bytes the same whether a canvas package is installed or not.
 */
export async function renderSvg(spec: object, character_width = 0.62): Promise<string> {
  // Loaded on first use: every step's thread loads the recipe, and few of them draw.
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  (vega as unknown as TextMetrics).textMetrics.width = ({ fontSize = 11 }, text) =>
    Math.round(character_width * fontSize * String(text ?? "").length);
  const view = new vega.View(vega.parse(compile(spec as TopLevelSpec).spec as Spec), {
    renderer: "none",
  });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

/**
 * Renders one figure.
 *
 * @param chart a Vega-Lite spec; the shared look is added, and `title` as its heading unless it has its own.
 * @returns the figure; its SVG carries `title` and `caption` for screen readers.
 */
export async function renderFigure(
  { name, title, caption, chart }: Omit<Figure, "svg" | "width"> & { chart: object },
): Promise<Figure> {
  const drawn = await renderSvg({ ...LOOK, title, ...chart });
  const width = Number(/ width="(\d+)"/.exec(drawn)?.[1]);
  return { name, title, caption, width, svg: describe(drawn, name, title, caption) };
}

/**
 * Adds title and description, and renames ids after the figure. Vega numbers ids with a counter that runs as long as the
 * process; numbered from 0 per figure, a figure always has the same bytes and several can share one page.
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
