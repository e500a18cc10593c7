/**
 * Panels of charts: rows of marks by label (dots), and lines through points.
 *
 * @module
 */
import {
  INTERVAL,
  lineChannels,
  MAX_WIDTH,
  panelTitle,
  POINT,
  pointChannels,
  REFERENCE,
  type SeriesStyle,
  withKey,
} from "./series.ts";

/** One mark with its label. */
export interface Dot {
  readonly label: string;
  /** Label of its style. */
  readonly series: string;
  readonly value: number;
  /** Drawn as an open mark of the same shape, joined to `value`. */
  readonly before?: number;
  /** Whether the mark of `value` is open, whatever its style. */
  readonly open?: boolean;
  /** Ends of the bar; null for none. */
  readonly low?: number | null;
  readonly high?: number | null;
  /** Printed to the right of the panel. */
  readonly text: string;
}

export interface DotPanel {
  readonly title: string;
  readonly dots: readonly Dot[];
  /** Value marked by a dashed line. */
  readonly reference?: number;
}

export interface DotChart {
  /** Panels side by side, in rows. The panels of a row share its labels, which are printed at the left. */
  readonly rows: readonly (readonly DotPanel[])[];
  readonly styles: readonly SeriesStyle[];
  /** Title of the horizontal axes, with the unit. */
  readonly x: string;
  /** One domain for all panels; by default each has its own. */
  readonly domain?: readonly [number, number];
}

/** Room for the number to the right of a panel. */
const NUMBER_WIDTH = 52;
/** Space between panels side by side. */
const GAP = 22;

/** A chart of dot panels with its key: for each label an interval, a mark, and its number. */
export function dotChart({ rows, styles, x, domain }: DotChart): object {
  const labels = rows.flat().flatMap(({ dots }) => dots.map(({ label }) => label));
  const indent = 10 + Math.ceil(7.5 * Math.max(...labels.map(({ length }) => length)));
  const columns = Math.max(...rows.map(({ length }) => length));
  const room = MAX_WIDTH - 40 - indent - columns * NUMBER_WIDTH - (columns - 1) * GAP;
  const width = Math.min(400, Math.floor(room / columns));
  const panels = rows.map((row) => {
    const order = [...new Set(row.flatMap(({ dots }) => dots.map(({ label }) => label)))];
    const layout = { order, styles, x, domain, width };
    return {
      // Widths count without labels and numbers, so that the panels of all rows are aligned.
      bounds: "flush",
      spacing: GAP + NUMBER_WIDTH,
      hconcat: row.map((panel, i) => dotPanel(panel, { ...layout, labelled: i === 0 })),
    };
  });
  // Series that are the labels need no key.
  const keyed = rows.flat().some(({ dots }) => dots.some(({ label, series }) => label !== series));
  return withKey(keyed ? styles : [], { spacing: GAP, vconcat: panels }, { indent });
}

interface DotLayout extends Omit<DotChart, "rows"> {
  readonly order: readonly string[];
  readonly width: number;
  readonly labelled: boolean;
}

function dotPanel({ title, dots, reference }: DotPanel, layout: DotLayout): object {
  const { order, styles, width, domain } = layout;
  const spread = new Set(dots.map(({ label }) => label)).size < dots.length;
  const y = {
    field: "label",
    type: "nominal",
    title: null,
    sort: order,
    scale: { domain: order },
    axis: {
      labelLimit: 300,
      ticks: false,
      domain: false,
      grid: true,
      labelOverlap: false,
      labels: layout.labelled,
    },
  };
  // Several series of one label are drawn below each other.
  const series = { field: "series", scale: { domain: styles.map(({ label }) => label) } };
  const x = {
    type: "quantitative",
    title: layout.x,
    axis: { tickCount: 4 },
    scale: domain ? { domain } : { zero: false, nice: true, padding: 10 },
  };
  const channels = pointChannels(styles);
  const { stroke, shape } = channels;
  const label = { y, ...(spread && { yOffset: series }) };
  const at = (field: string) => ({ ...label, x: { ...x, field } });
  const layer = (values: readonly object[], mark: object, encoding: object) =>
    values.length > 0 ? [{ data: { values }, mark, encoding }] : [];
  const bars = dots.filter(({ low, high }) => [low, high].every(Number.isFinite));
  const ways = dots.filter(({ before, value }) => [before, value].every(Number.isFinite));
  return {
    title: panelTitle(title),
    width,
    height: (spread ? 16 * styles.length + 10 : 26) * order.length,
    data: { values: dots },
    layer: [
      ...layer(Number.isFinite(reference) ? [{ reference }] : [], REFERENCE, {
        x: { ...x, field: "reference" },
      }),
      ...layer(bars, INTERVAL, { ...at("low"), x2: { field: "high" }, stroke }),
      ...layer(ways, { ...INTERVAL, strokeDash: [1, 2] }, {
        ...at("before"),
        x2: { field: "value" },
        stroke,
      }),
      ...layer(ways, { ...POINT, fill: "white" }, { ...at("before"), stroke, shape }),
      ...layer(dots.filter(({ open }) => !open), POINT, { ...at("value"), ...channels }),
      ...layer(dots.filter(({ open }) => open), { ...POINT, fill: "white" }, {
        ...at("value"),
        stroke,
        shape,
      }),
      {
        mark: { type: "text", align: "left", fontSize: 11.5, color: "#222" },
        encoding: { ...label, x: { value: width + 6 }, text: { field: "text" } },
      },
    ],
  };
}

/** One point of a line. */
export interface LinePoint {
  readonly series: string;
  readonly x: number;
  readonly y: number;
  /** Ends of the bar; null for none. */
  readonly low?: number | null;
  readonly high?: number | null;
}

export interface LinePanel {
  readonly title?: string;
  readonly points: readonly LinePoint[];
  readonly styles: readonly SeriesStyle[];
  /** Titles of the axes, with units. */
  readonly x: string | null;
  readonly y: string;
  /** Shifts series that share places along x slightly apart, so that no bar hides another. */
  readonly dodge?: boolean;
  /** Value marked by a dashed line. */
  readonly reference?: number;
  readonly width?: number;
  readonly height?: number;
  /** Whether points are marked, or only the curve is drawn. */
  readonly marked?: boolean;
  /** Whether points are joined by a line, by default, or only marked. */
  readonly joined?: boolean;
  /** Whether marks are cut off at the frame; points on it are then cut in half. */
  readonly clip?: boolean;
  /** Scales that replace the default, which fits the points; further properties of the axes. */
  readonly x_scale?: object;
  readonly y_scale?: object;
  readonly x_axis?: object;
  readonly y_axis?: object;
  /** Layers drawn above the rest. */
  readonly over?: readonly object[];
}

/** Width of one of two panels side by side. */
export const HALF_WIDTH = Math.floor((MAX_WIDTH - 190) / 2);
/** Width of a panel that has its row to itself. */
export const FULL_WIDTH = MAX_WIDTH - 120;

/** A Vega-Lite view of lines through points, with intervals. Place it in a chart by {@link withKey}. */
export function linePanel(panel: LinePanel): object {
  const { styles, width = HALF_WIDTH, height = 190, marked = true } = panel;
  const points = panel.dodge ? dodged(panel.points, styles) : panel.points;
  const x = {
    field: "x",
    type: "quantitative",
    title: panel.x,
    scale: panel.x_scale ?? { zero: false, nice: false, padding: 14 },
    axis: { tickCount: 5, grid: false, ...panel.x_axis },
  };
  const y = (field: string) => ({
    field,
    type: "quantitative",
    title: panel.y,
    scale: panel.y_scale ?? { zero: false, nice: true, padding: 6 },
    axis: { tickCount: 5, ...panel.y_axis },
  });
  const lines = lineChannels(styles);
  const bars = points.filter(({ low, high }) => [low, high].every(Number.isFinite));
  return {
    ...(panel.title !== undefined && { title: panelTitle(panel.title) }),
    width,
    height,
    data: { values: points },
    layer: [
      ...(panel.reference === undefined ? [] : [{
        data: { values: [{ y: panel.reference }] },
        mark: REFERENCE,
        encoding: { y: y("y") },
      }]),
      ...(bars.length === 0 ? [] : [{
        data: { values: bars },
        mark: INTERVAL,
        encoding: { x, y: y("low"), y2: { field: "high" }, stroke: lines.stroke },
      }]),
      ...(panel.joined ?? true
        ? [{
          mark: { type: "line", strokeWidth: 2, clip: panel.clip },
          encoding: { x, y: y("y"), order: { field: "x" }, ...lines },
        }]
        : []),
      ...(marked
        ? [{
          mark: { ...POINT, size: 60, clip: panel.clip },
          encoding: { x, y: y("y"), ...pointChannels(styles) },
        }]
        : []),
      ...(panel.over ?? []),
    ],
  };
}

/** Distance of neighbouring series, as a share of the axis. */
const APART = 0.018;

function dodged(points: readonly LinePoint[], styles: readonly SeriesStyle[]): LinePoint[] {
  const along = points.map(({ x }) => x);
  const step = APART * (Math.max(...along) - Math.min(...along));
  const present = styles.map(({ label }) => label)
    .filter((label) => points.some(({ series }) => series === label));
  return points.map((point) => ({
    ...point,
    x: point.x + step * (present.indexOf(point.series) - (present.length - 1) / 2),
  }));
}

/**
 * Thins a curve: each row returned is the mean of `size` neighbours, which also evens out noise between batches. Rows with
 * a value that is NaN are left out first.
 *
 * @param size at least 1.
 */
export function thin<K extends string>(
  rows: readonly Readonly<Record<K, number>>[],
  names: readonly K[],
  size: number,
): Record<K, number>[] {
  const finite = rows.filter((row) => names.every((name) => Number.isFinite(row[name])));
  return Array.from({ length: Math.ceil(finite.length / size) }, (_, i) => {
    const group = finite.slice(i * size, (i + 1) * size);
    const mean = (name: K) => group.reduce((sum, row) => sum + row[name], 0) / group.length;
    return Object.fromEntries(names.map((name) => [name, mean(name)])) as Record<K, number>;
  });
}
