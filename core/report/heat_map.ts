/**
 * Heat maps of values up to 1.
 *
 * @module
 */

/** Up to this many rows and columns, each cell shows its number. */
const NUMBERED = 9;

/** Share of the colour scale from which white numbers are easier to read than black ones. */
const WHITE_FROM = 0.7;

/** One cell. */
export interface Cell {
  x: string | number;
  y: string | number;
  value: number;
}

/** Colours run from the smallest value, rounded down to a tenth, to 1: small differences stay visible. */
export function scaleFrom(cells: Cell[]): [number, number] {
  const lowest = Math.min(0.9, ...cells.map((cell) => cell.value));
  return [Math.max(0, Math.floor(lowest * 10) / 10), 1];
}

/**
 * A Vega-Lite view of cells; those of few rows and columns show their number.
 *
 * @param order rows and columns in the order in which they stand.
 * @param title what the colours mean.
 * @param options.size width of a cell in CSS pixels.
 */
export function heatMap(
  cells: Cell[],
  order: (string | number)[],
  title: string,
  [low, high]: [number, number],
  { size, x = null, y = null }: { size: number; x?: string | null; y?: string | null },
): object {
  // Layer numbers may be thinned out where cells are narrow; a name left out would leave its cells nameless.
  const labelOverlap = order.every((name) => typeof name === "number");
  const axis = { ticks: false, domain: false, labelLimit: 140, labelOverlap };
  // Long names would run into each other below narrow cells.
  const tilted = order.some((name) => 7 * String(name).length > size);
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
  const numbered = order.length <= NUMBERED;
  return {
    width: size * order.length,
    height: size * order.length,
    data: { values: cells.map((cell) => ({ ...cell, text: cell.value.toFixed(2) })) },
    layer: [
      {
        mark: { type: "rect", stroke: "white", strokeWidth: 1 },
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
          mark: { type: "text", fontSize: 12 },
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
