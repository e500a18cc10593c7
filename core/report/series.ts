/**
 * Series of a chart: the colour, shape and dash of each, and the key above the panels.
 *
 * @module
 */

/** Widest figure in CSS pixels, padding included. */
export const MAX_WIDTH = 760;

/** Okabe and Ito's palette, distinct for readers with any colour vision. */
export const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DASHES = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [1, 3]];
const SHAPES = ["circle", "square", "triangle-up", "triangle-down", "cross", "diamond"];

/** How one series is drawn. `open` marks are not filled. */
export interface SeriesStyle {
  readonly label: string;
  readonly colour: string;
  readonly shape: string;
  readonly dash: readonly number[];
  readonly open?: boolean;
}

/** Styles by position. From the seventh series on, colours repeat with another shape and dash. */
export function seriesStyles(labels: readonly string[]): SeriesStyle[] {
  return labels.map((label, i) => {
    const other = i + Math.floor(i / COLOURS.length);
    return {
      label,
      colour: COLOURS[i % COLOURS.length],
      shape: SHAPES[other % SHAPES.length],
      dash: DASHES[other % DASHES.length],
    };
  });
}

/** Style of what the others are compared with: grey and dashed, or solid for a trunk that all share. */
export function referenceStyle(label: string, dash = [6, 3]): SeriesStyle {
  return { label, colour: "#555555", shape: "diamond", dash };
}

/** Vega-Lite channels of points, by the field `series`. {@link withKey} draws the legend. */
export function pointChannels(styles: readonly SeriesStyle[]) {
  return {
    stroke: channel(styles, ({ colour }) => colour),
    fill: channel(styles, ({ colour, open }) => open ? "white" : colour),
    shape: channel(styles, ({ shape }) => shape),
  };
}

/** Vega-Lite channels of lines, by the field `series`. */
export function lineChannels(styles: readonly SeriesStyle[]) {
  return {
    stroke: channel(styles, ({ colour }) => colour),
    strokeDash: channel(styles, ({ dash }) => dash),
  };
}

function channel(styles: readonly SeriesStyle[], range: (style: SeriesStyle) => unknown) {
  const domain = styles.map(({ label }) => label);
  return {
    field: "series",
    type: "nominal",
    scale: { domain, range: styles.map(range) },
    legend: null,
  };
}

/** A point large enough to show its shape. */
export const POINT = { type: "point", size: 90, strokeWidth: 2, opacity: 1 } as const;

/** The bar of an interval. */
export const INTERVAL = { type: "rule", strokeWidth: 1.6 } as const;

/** The line of a reference value. */
export const REFERENCE = { type: "rule", color: "#555", strokeDash: [4, 3] } as const;

/** The heading of a panel within a figure. */
export function panelTitle(text: string): object {
  return { text, fontSize: 13, offset: 6, frame: "group" };
}

export interface KeyOptions {
  /** Marks that the series are drawn with; points by default. */
  readonly lines?: boolean;
  readonly points?: boolean;
  /** Pixels by which the key begins to the left of the panels. */
  readonly indent?: number;
}

const FONT_SIZE = 13;
/** Generous, so that no text reaches the next mark in any font. */
const CHARACTER = 0.62 * FONT_SIZE;
const LINE = 20;

/** Places entries of a key one after the other, in as many rows as they need. */
export function placeEntries(styles: readonly SeriesStyle[], mark: number, width: number) {
  const entries: { series: string; x: number; row: number }[] = [];
  let x = 0, row = 0;
  for (const { label } of styles) {
    const long = mark + 8 + CHARACTER * label.length;
    if (x > 0 && x + long > width) [x, row] = [0, row + 1];
    entries.push({ series: label, x, row });
    x += long + 18;
  }
  return entries;
}

/**
 * A Vega-Lite view of the key; none for a single series. Vega's own legends cannot show a point on its line, and clash
 * where some layers have no points.
 */
function keyView(
  styles: readonly SeriesStyle[],
  { lines = false, points = true, indent = 0 }: KeyOptions,
): object[] {
  if (styles.length < 2) return [];
  const mark = lines ? 34 : 12;
  const entries = placeEntries(styles, mark, MAX_WIDTH - 80);
  const values = entries.map(({ series, x, row }) => {
    const start = x - indent;
    const y = LINE * (row + 0.5);
    return {
      series,
      start,
      end: start + mark,
      middle: start + mark / 2,
      text: start + mark + 6,
      y,
    };
  });
  const pixels = (field: string) => ({ field, type: "quantitative", scale: null, axis: null });
  const at = (field: string) => ({ x: pixels(field), y: pixels("y") });
  const line = { ...at("start"), x2: { field: "end" }, ...lineChannels(styles) };
  return [{
    width: 1,
    height: LINE * (1 + Math.max(...entries.map(({ row }) => row))),
    data: { values },
    layer: [
      ...(lines ? [{ mark: { type: "rule", strokeWidth: 2 }, encoding: line }] : []),
      ...(points ? [{ mark: POINT, encoding: { ...at("middle"), ...pointChannels(styles) } }] : []),
      {
        mark: { type: "text", align: "left", fontSize: FONT_SIZE, color: "#222" },
        encoding: { ...at("text"), text: { field: "series" } },
      },
    ],
  }];
}

/** A chart of panels, with the key of its series above them. */
export function withKey(
  styles: readonly SeriesStyle[],
  panels: object,
  options: KeyOptions = {},
): object {
  return { spacing: 14, vconcat: [...keyView(styles, options), panels] };
}
