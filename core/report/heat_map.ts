/**
 * Heat maps: of values up to 1, of differences around 0, and of losses.
 *
 * @module
 */
import { decimals, signed } from "./text.ts";

/** Characters of a cell's number, such as 0.87. */
const CHARACTERS = 4;

/** Smallest font of numbers in CSS pixels; cells too narrow for it show none. */
const SMALLEST = 9;

/** Share of the colour scale above which numbers are white, which is easier to read on dark cells. */
const WHITE_FROM = 0.7;

/** One cell. */
export interface Cell {
  x: string | number;
  y: string | number;
  value: number;
}

/** Domain of a colour scale that ends at 1; it begins at the lowest value, so that small differences stay visible. */
export function scaleFrom(cells: readonly Cell[]): [number, number] {
  const lowest = Math.min(0.9, ...cells.map((cell) => cell.value));
  return [Math.max(0, Math.floor(lowest * 10) / 10), 1];
}

/**
 * A Vega-Lite view of a square heat map; cells that are wide enough show their number.
 *
 * @param order labels of rows and columns, in display order.
 * @param title what the colours mean.
 * @param options.size width of a cell in CSS pixels.
 * @param options.x title of the axis; so is y.
 */
export function heatMap(
  cells: readonly Cell[],
  order: readonly (string | number)[],
  title: string,
  [low, high]: [number, number],
  { size, x = null, y = null }: { size: number; x?: string | null; y?: string | null },
): object {
  // Layer numbers may be thinned out where cells are narrow; names may not, or rows would have no label.
  const labelOverlap = order.every((name) => typeof name === "number");
  const axis = { ticks: false, domain: false, labelLimit: 220, labelOverlap };
  // Long names would overlap below narrow cells.
  const tilted = !labelOverlap && order.some((name) => 7 * String(name).length > size);
  const position = {
    x: {
      field: "x",
      type: "ordinal",
      sort: order,
      title: x,
      axis: { ...axis, labelAngle: tilted ? -40 : 0 },
    },
    y: { field: "y", type: "ordinal", sort: order, title: y, axis },
  };
  const fontSize = Math.min(12, Math.floor(size / (CHARACTERS * 0.62)));
  const numbered = fontSize >= SMALLEST;
  return {
    width: size * order.length,
    height: size * order.length,
    data: { values: cells.map((cell) => ({ ...cell, text: cell.value.toFixed(2) })) },
    layer: [
      {
        // Gaps would fill much of small cells.
        mark: { type: "rect", stroke: "white", strokeWidth: size < 10 ? 0 : 1 },
        encoding: {
          ...position,
          color: {
            field: "value",
            type: "quantitative",
            title,
            scale: { scheme: "blues", domain: [low, high] },
            legend: { orient: "right", gradientLength: 120, format: ".1f", tickCount: 4 },
          },
        },
      },
      ...(numbered
        ? [{
          mark: { type: "text", fontSize },
          encoding: {
            ...position,
            text: { field: "text" },
            color: {
              condition: {
                test: `datum.value > ${low + WHITE_FROM * (high - low)}`,
                value: "white",
              },
              value: "#111",
            },
          },
        }]
        : []),
    ],
  };
}

/** Better, equal, worse; blue and orange are distinct for readers with any colour vision. */
const DIVERGING = ["#0072B2", "#F7F7F7", "#D55E00"];

/** Layout of a {@link divergingMap} or {@link lowIsDarkMap}. */
export interface GridOptions {
  /** Titles of the axes, with units. */
  x: string;
  y: string;
  /** Values from left to right and from top to bottom. */
  columns: number[];
  rows: number[];
}

/**
 * A Vega-Lite view of differences: blue below 0, orange above, each cell with its number. Missing cells are blank.
 *
 * @example
 * ```ts
 * import { divergingMap } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const cells = [{ x: 10, y: 20, value: -0.1 }, { x: 50, y: 20, value: 0.05 }];
 * const { data } = divergingMap(cells, { x: "start", y: "weight", columns: [10, 50], rows: [20] });
 * assert.deepEqual(data.values.map(({ text }) => text), ["-0.100", "+0.050"]);
 * ```
 */
export function divergingMap(cells: readonly Cell[], options: GridOptions) {
  // Symmetric: equal distances from 0 have equal strength.
  const furthest = Math.max(1e-6, ...cells.map(({ value }) => Math.abs(value)));
  return gridOfCells(cells, options, {
    scale: { domain: [-furthest, 0, furthest], range: DIVERGING },
    strong: `abs(datum.value) > ${WHITE_FROM * furthest}`,
    text: signed,
  });
}

/** A Vega-Lite view of values such as losses: the lower, the darker; each cell with its number. */
export function lowIsDarkMap(cells: readonly Cell[], options: GridOptions) {
  const values = cells.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return gridOfCells(cells, options, {
    scale: { domain: [low, high > low ? high : low + 1], range: ["#0072B2", "#F7F7F7"] },
    strong: `datum.value < ${high - WHITE_FROM * (high - low)}`,
    text: decimals,
  });
}

/** Colours of a grid, when its numbers are white, and how they are written. */
interface GridLook {
  readonly scale: object;
  readonly strong: string;
  readonly text: (value: number) => string;
}

function gridOfCells(
  cells: readonly Cell[],
  { x, y, columns, rows }: GridOptions,
  { scale, strong, text }: GridLook,
) {
  const axis = { ticks: false, domain: false, labelAngle: 0, labelOverlap: false };
  const position = {
    x: { field: "x", type: "ordinal", scale: { domain: columns }, title: x, axis },
    y: { field: "y", type: "ordinal", scale: { domain: rows }, title: y, axis },
  };
  return {
    width: 54 * columns.length,
    height: 36 * rows.length,
    data: { values: cells.map((cell) => ({ ...cell, text: text(cell.value) })) },
    layer: [
      {
        mark: { type: "rect", stroke: "white", strokeWidth: 1 },
        encoding: {
          ...position,
          color: {
            field: "value",
            type: "quantitative",
            scale,
            legend: null, // the numbers are in the cells
          },
        },
      },
      {
        mark: { type: "text", fontSize: 11.5 },
        encoding: {
          ...position,
          text: { field: "text" },
          color: { condition: { test: strong, value: "white" }, value: "#111" },
        },
      },
    ],
  };
}
