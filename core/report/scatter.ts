/**
 * Scatter plots: a colour and shape for each series, and a name beside each point.
 *
 * @module
 */
import { MAX_WIDTH, POINT, pointChannels, type SeriesStyle } from "./series.ts";

/** One point. */
export interface ScatterPoint {
  /** Label of its style. */
  readonly series: string;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** Drawn grey, below the others, in the shape of its series. */
  readonly faded?: boolean;
  /** Whether the mark is open, whatever its style. */
  readonly open?: boolean;
  /** Area of the mark in square pixels; {@link POINT}'s by default. */
  readonly area?: number;
}

export interface Scatter {
  readonly points: readonly ScatterPoint[];
  readonly styles: readonly SeriesStyle[];
  /** Titles of the axes, with units. */
  readonly x: string;
  readonly y: string;
  /** Values that the axes must include besides those of the points. */
  readonly include_x?: readonly number[];
  readonly include_y?: readonly number[];
  /** Layers drawn below the points. */
  readonly under: (axes: ScatterAxes) => readonly object[];
}

/** Channels of a field along each axis, for further layers. */
export interface ScatterAxes {
  x(field: string): object;
  y(field: string): object;
  /** The right end in pixels. */
  readonly right: number;
}

const WIDTH = MAX_WIDTH - 110, HEIGHT = 400;
const FONT_SIZE = 11;
/** Half the size of a point of usual area. */
const RADIUS = 6;

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
        data: { values: placed.filter(({ joined }) => joined) },
        mark: { type: "rule", color: "#999", strokeWidth: 0.7 },
        encoding: { ...at, x2: { field: "label_x" }, y2: { field: "label_y" } },
      },
      ...marks(points, at, chart.styles),
      // A white halo keeps lines off the text.
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

/** Grey marks first, then open and filled ones of their series, the larger below the smaller. */
function marks(
  points: readonly ScatterPoint[],
  at: object,
  styles: readonly SeriesStyle[],
): object[] {
  const { stroke, fill, shape } = pointChannels(styles);
  const kinds = [
    { of: ({ faded }: ScatterPoint) => faded, mark: { stroke: GREY, fill: GREY }, channels: {} },
    {
      of: ({ faded, open }: ScatterPoint) => !faded && open,
      mark: { fill: "white" },
      channels: { stroke },
    },
    {
      of: ({ faded, open }: ScatterPoint) => !faded && !open,
      mark: {},
      channels: { stroke, fill },
    },
  ];
  return kinds.map(({ of, mark, channels }) => ({
    data: {
      values: points.filter(of).map((point) => ({ ...point, area: point.area ?? POINT.size }))
        .toSorted((a, b) => b.area - a.area),
    },
    mark: { ...POINT, ...mark },
    encoding: {
      ...at,
      ...channels,
      shape,
      size: { field: "area", type: "quantitative", scale: null, legend: null },
    },
  })).filter(({ data }) => data.values.length > 0);
}

/** The colour of faded points. */
const GREY = "#BBBBBB";

function domain(values: readonly number[], margin: number): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = margin * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** Places of labels in the units of the axes; `label_x` is the end nearer to the point. */
function labels(
  points: readonly ScatterPoint[],
  [left, right]: readonly number[],
  [bottom, top]: readonly number[],
) {
  const at = points.map(({ x, y, text, area }) => ({
    x: WIDTH * (x - left) / (right - left),
    y: HEIGHT * (top - y) / (top - bottom),
    text,
    ...(area !== undefined && { radius: Math.max(RADIUS, Math.sqrt(area / Math.PI) + 1) }),
  }));
  const options = { width: WIDTH, height: HEIGHT, font_size: FONT_SIZE, radius: RADIUS };
  const x = (pixels: number) => left + (right - left) * pixels / WIDTH;
  return placeLabels(at, options).map((label, i) => {
    const end = label.x + 0.56 * FONT_SIZE * points[i].text.length;
    const nearer = label.x > at[i].x ? label.x : end < at[i].x ? end : (label.x + end) / 2;
    return {
      ...points[i],
      joined: label.joined,
      text_x: x(label.x),
      label_x: x(nearer),
      label_y: top - (top - bottom) * label.y / HEIGHT,
    };
  });
}

/** A point in pixels, with its text. */
export interface Labelled {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  /** Half the size of the point, if it is not that of the options. */
  readonly radius?: number;
}

/** A label in pixels: its left end, its vertical middle, and whether a line joins it to its point. */
export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly joined: boolean;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface PlaceOptions {
  readonly width: number;
  readonly height: number;
  readonly font_size: number;
  /** Half the size of a point. */
  readonly radius: number;
}

/** Directions from a point, tried in this order: beside it, then above and below. */
const DIRECTIONS = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [1, 1], [-1, -1], [-1, 1]];
const FURTHEST = 12;

/**
 * Places labels one after the other so that they cover neither points nor each other: each at the nearest free place, or
 * to the right of its point where none within reach is free.
 */
export function placeLabels(points: readonly Labelled[], options: PlaceOptions): PlacedLabel[] {
  const taken = points.map(({ x, y, radius = options.radius }): Box => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  return points.map((point) => {
    const free = ({ box }: { box: Box }) =>
      inside(box, options) && !taken.some((other) => overlap(box, other));
    const found = candidates(point, options).find(free) ??
      candidates(point, options).next().value!;
    taken.push(found.box);
    return {
      x: found.box.left + 1,
      y: (found.box.top + found.box.bottom) / 2,
      joined: found.joined,
    };
  });
}

function* candidates({ x, y, text, radius }: Labelled, options: PlaceOptions) {
  const { font_size } = options;
  const [width, height] = [0.62 * font_size * text.length + 2, font_size + 2];
  for (let step = 0; step < FURTHEST; step++) {
    const reach = (radius ?? options.radius) + 2 + 9 * step;
    for (const [right, down] of DIRECTIONS) {
      const middle_x = x + right * (reach + width / 2);
      const middle_y = y + down * (reach + height / 2);
      const box = {
        left: middle_x - width / 2,
        right: middle_x + width / 2,
        top: middle_y - height / 2,
        bottom: middle_y + height / 2,
      };
      yield { box, joined: step > 0 };
    }
  }
}

function inside({ left, right, top, bottom }: Box, { width, height }: PlaceOptions): boolean {
  return left >= 0 && right <= width && top >= 0 && bottom <= height;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
