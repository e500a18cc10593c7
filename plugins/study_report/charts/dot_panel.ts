/**
 * Panels with a row of marks for each label: an interval, a point, and its number at the right.
 *
 * @module
 */
import { INTERVAL, MAX_WIDTH, panelTitle, POINT, pointChannels, type SeriesStyle } from "./look.ts";

/** One row. */
export interface Dot {
  readonly label: string;
  /** Which of the styles. */
  readonly series: string;
  readonly value: number;
  /** Drawn as an open mark of the same shape, joined to `value`. */
  readonly before?: number;
  /** Ends of the bar; NaN for none. */
  readonly low?: number;
  readonly high?: number;
  /** Written at the right of the panel. */
  readonly text: string;
}

export interface DotPanel {
  readonly title: string;
  readonly dots: readonly Dot[];
  /** Labels from top to bottom. */
  readonly order: readonly string[];
  readonly styles: readonly SeriesStyle[];
  /** Title of the axis, with its unit. */
  readonly x: string;
  readonly width: number;
  /** Whether the labels are written at the left; panels to the right of such a one need none. */
  readonly labelled: boolean;
  /** Where a line marks the reference. */
  readonly reference?: number;
  readonly domain?: readonly [number, number];
  /** Several series at one label stand below each other. */
  readonly spread?: boolean;
  /** Height of a label's row in pixels. */
  readonly row?: number;
}

/** Room for the number at the right of a panel. */
const NUMBER_WIDTH = 52;
/** Between panels beside each other. */
export const GAP = 22;

/** Room that labels take at the left of a panel. */
export function labelsWidth(labels: readonly string[]): number {
  return 10 + Math.ceil(7.5 * Math.max(...labels.map(({ length }) => length)));
}

/** Width of each panel where so many stand beside each other: what labels and numbers leave of the figure. */
export function panelWidth(labels: readonly string[], columns: number): number {
  const room = MAX_WIDTH - 40 - labelsWidth(labels) - columns * NUMBER_WIDTH - (columns - 1) * GAP;
  return Math.min(400, Math.floor(room / columns));
}

/** A Vega-Lite view of the panel. */
export function dotPanel(panel: DotPanel): object {
  const { title, dots, order, styles, width, spread, row = 26 } = panel;
  const y = {
    field: "label",
    type: "nominal",
    title: null,
    sort: order,
    scale: { domain: order },
    axis: {
      labels: panel.labelled,
      labelLimit: 300,
      ticks: false,
      domain: false,
      grid: true,
      labelOverlap: false,
    },
  };
  const offset = spread
    ? { yOffset: { field: "series", scale: { domain: styles.map(({ label }) => label) } } }
    : {};
  const x = {
    type: "quantitative",
    title: panel.x,
    axis: { tickCount: 4 },
    scale: panel.domain ? { domain: panel.domain } : { zero: false, nice: true, padding: 10 },
  };
  const channels = pointChannels(styles);
  const { stroke, shape } = channels;
  const at = (field: string) => ({ y, ...offset, x: { ...x, field } });
  return {
    title: panelTitle(title),
    width,
    height: row * order.length,
    data: { values: dots },
    layer: [
      ...referenceLine(panel.reference, x),
      ...rules(dots, "low", "high", at, stroke, INTERVAL),
      ...rules(dots, "before", "value", at, stroke, { ...INTERVAL, strokeDash: [1, 2] }),
      ...open(dots, at, { stroke, shape }),
      { mark: POINT, encoding: { ...at("value"), ...channels } },
      {
        mark: { type: "text", align: "left", fontSize: 11.5, color: "#222" },
        encoding: { y, ...offset, x: { value: width + 6 }, text: { field: "text" } },
      },
    ],
  };
}

function referenceLine(reference: number | undefined, x: object): object[] {
  if (reference === undefined || !Number.isFinite(reference)) return [];
  return [{
    data: { values: [{ reference }] },
    mark: { type: "rule", color: "#555", strokeDash: [4, 3] },
    encoding: { x: { ...x, field: "reference" } },
  }];
}

type At = (field: string) => { x: object };

/** A rule from one field to another, for the rows that have both. */
function rules(
  dots: readonly Dot[],
  from: "low" | "before",
  to: "high" | "value",
  at: At,
  stroke: object,
  mark: object,
): object[] {
  const values = dots.filter((dot) => [dot[from], dot[to]].every(Number.isFinite));
  if (values.length === 0) return [];
  return [{
    data: { values },
    mark,
    encoding: { ...at(from), x2: { field: to }, stroke },
  }];
}

function open(dots: readonly Dot[], at: At, channels: object): object[] {
  const values = dots.filter(({ before }) => Number.isFinite(before));
  if (values.length === 0) return [];
  return [{
    data: { values },
    mark: { ...POINT, fill: "white" },
    encoding: { ...at("before"), ...channels },
  }];
}
