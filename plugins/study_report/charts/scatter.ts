/**
 * Points of arms on targets: one colour and shape per target, the arm's name beside each point.
 *
 * @module
 */
import { placeLabels } from "./labels.ts";
import { MAX_WIDTH, POINT, pointChannels, type SeriesStyle } from "./look.ts";

/** One arm on one target. */
export interface ScatterPoint {
  /** Label of the target. */
  readonly series: string;
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

export interface Scatter {
  readonly points: readonly ScatterPoint[];
  readonly styles: readonly SeriesStyle[];
  /** Titles of the axes, with units. */
  readonly x: string;
  readonly y: string;
  /** Values that the axes must reach besides those of the points. */
  readonly include_x?: readonly number[];
  readonly include_y?: readonly number[];
  /** Drawn below the points; gets the channels of both axes. */
  readonly under: (channels: Channels) => readonly object[];
}

/** The channel of a field along each axis. */
export interface Channels {
  x(field: string): object;
  y(field: string): object;
  /** Pixels at the right end. */
  readonly right: number;
}

const WIDTH = MAX_WIDTH - 110, HEIGHT = 400;
const FONT_SIZE = 11;

/** A Vega-Lite view of the points. */
export function scatter(chart: Scatter): object {
  const { points } = chart;
  const x_domain = domain([...points.map(({ x }) => x), ...chart.include_x ?? []], 0.08);
  const y_domain = domain([...points.map(({ y }) => y), ...chart.include_y ?? []], 0.07);
  const axis = (field: string, title: string, domain: readonly number[]) => ({
    field,
    type: "quantitative",
    title,
    scale: { domain, nice: false, zero: false },
    axis: { tickCount: 6 },
  });
  const x = (field: string) => axis(field, chart.x, x_domain);
  const y = (field: string) => axis(field, chart.y, y_domain);
  const at = { x: x("x"), y: y("y") };
  const placed = labels(points, x_domain, y_domain);
  return {
    width: WIDTH,
    height: HEIGHT,
    data: { values: points },
    layer: [
      ...chart.under({ x, y, right: WIDTH }),
      {
        data: { values: placed.filter(({ led }) => led) },
        mark: { type: "rule", color: "#999", strokeWidth: 0.7 },
        encoding: { ...at, x2: { field: "label_x" }, y2: { field: "label_y" } },
      },
      { mark: POINT, encoding: { ...at, ...pointChannels(chart.styles) } },
      // The halo keeps lines off the text.
      ...[{ stroke: "white", strokeWidth: 3 }, {}].map((halo) => ({
        data: { values: placed },
        mark: {
          type: "text",
          align: "left",
          baseline: "middle",
          fontSize: FONT_SIZE,
          color: "#333",
          ...halo,
        },
        encoding: { x: x("text_x"), y: y("label_y"), text: { field: "text" } },
      })),
    ],
  };
}

function domain(values: readonly number[], margin: number): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = margin * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** Places of the labels, in the units of the axes. `label_x` is the end that is nearer to the point. */
function labels(
  points: readonly ScatterPoint[],
  [left, right]: readonly number[],
  [bottom, top]: readonly number[],
) {
  const at = points.map(({ x, y, text }) => ({
    x: WIDTH * (x - left) / (right - left),
    y: HEIGHT * (top - y) / (top - bottom),
    text,
  }));
  const options = { width: WIDTH, height: HEIGHT, font_size: FONT_SIZE, radius: 6 };
  const x = (pixels: number) => left + (right - left) * pixels / WIDTH;
  return placeLabels(at, options).map((label, i) => {
    const end = label.x + 0.56 * FONT_SIZE * points[i].text.length;
    const nearer = label.x > at[i].x ? label.x : end < at[i].x ? end : (label.x + end) / 2;
    return {
      ...points[i],
      led: label.led,
      text_x: x(label.x),
      label_x: x(nearer),
      label_y: top - (top - bottom) * label.y / HEIGHT,
    };
  });
}
