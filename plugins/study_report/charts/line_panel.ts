/**
 * Panels of lines through points, with intervals.
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
  type SeriesStyle,
} from "./look.ts";

/** One point. */
export interface LinePoint {
  readonly series: string;
  readonly x: number;
  readonly y: number;
  /** Ends of the bar; NaN for none. */
  readonly low?: number;
  readonly high?: number;
}

export interface LinePanel {
  readonly title?: string;
  readonly points: readonly LinePoint[];
  readonly styles: readonly SeriesStyle[];
  /** Titles of the axes, with units. */
  readonly x: string | null;
  readonly y: string;
  /** Whether series that share places along x stand beside each other there, so that no bar hides another. */
  readonly dodge?: boolean;
  /** Where a line marks the reference. */
  readonly reference?: number;
  readonly width?: number;
  readonly height?: number;
  /** Whether points are marked, or the curve only. */
  readonly marked?: boolean;
  /** Whether marks end at the frame; points that lie on it are then cut in half. */
  readonly clip?: boolean;
  /** Scales in place of those that fit the points; further properties of the axis. */
  readonly x_scale?: object;
  readonly y_scale?: object;
  readonly x_axis?: object;
  /** Drawn above the rest. */
  readonly over?: readonly object[];
}

/** Width of one of two panels beside each other. */
export const HALF_WIDTH = Math.floor((MAX_WIDTH - 190) / 2);

/** A Vega-Lite view of the panel. */
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
    axis: { tickCount: 5 },
  });
  const lines = lineChannels(styles);
  const bars = points.filter(({ low, high }) => [low, high].every(Number.isFinite));
  return {
    ...(panel.title === undefined ? {} : { title: panelTitle(panel.title) }),
    width,
    height,
    data: { values: points },
    layer: [
      ...(panel.reference === undefined ? [] : [{
        data: { values: [{ y: panel.reference }] },
        mark: { type: "rule", color: "#555", strokeDash: [4, 3] },
        encoding: { y: y("y") },
      }]),
      ...(bars.length === 0 ? [] : [{
        data: { values: bars },
        mark: INTERVAL,
        encoding: { x, y: y("low"), y2: { field: "high" }, stroke: lines.stroke },
      }]),
      {
        mark: { type: "line", strokeWidth: 2, clip: panel.clip },
        encoding: { x, y: y("y"), order: { field: "x" }, ...lines },
      },
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

/** Share of the axis between neighbours. */
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
