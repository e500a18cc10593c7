/**
 * The key of a figure: what its colours, shapes and dashes stand for. Vega's own legends show shapes or dashes, but not
 * a point on its line, and conflict where some layers have none.
 *
 * @module
 */
import { lineChannels, MAX_WIDTH, POINT, pointChannels, type SeriesStyle } from "./look.ts";

const FONT_SIZE = 13;
/** Generous: no text may reach the next mark, whatever font the reader has. */
const CHARACTER = 0.62 * FONT_SIZE;
const LINE = 20;

export interface KeyOptions {
  /** Marks that the series are drawn with. */
  readonly lines?: boolean;
  readonly points?: boolean;
  /** Pixels at which the key begins to the left of the panels. */
  readonly indent?: number;
}

interface Entry {
  readonly series: string;
  readonly x: number;
  readonly row: number;
}

/** Places entries one after the other, in as many rows as they take. */
export function placeEntries(styles: readonly SeriesStyle[], mark: number, width: number): Entry[] {
  const entries: Entry[] = [];
  let x = 0, row = 0;
  for (const { label } of styles) {
    const long = mark + 8 + CHARACTER * label.length;
    if (x > 0 && x + long > width) [x, row] = [0, row + 1];
    entries.push({ series: label, x, row });
    x += long + 18;
  }
  return entries;
}

/** A Vega-Lite view of the key, to stand above the panels. Empty where there is but one series. */
export function keyView(
  styles: readonly SeriesStyle[],
  { lines = false, points = true, indent = 0 }: KeyOptions = {},
): object[] {
  if (styles.length < 2) return [];
  const mark = lines ? 34 : 12;
  const entries = placeEntries(styles, mark, MAX_WIDTH - 80);
  const height = LINE * (1 + Math.max(...entries.map(({ row }) => row)));
  const at = (dx: number) => ({
    x: { field: "x", type: "quantitative", scale: null, axis: null },
    y: { field: "y", type: "quantitative", scale: null, axis: null },
    ...(dx > 0 ? { x2: { field: "end" } } : {}),
  });
  const values = entries.map(({ series, x: from, row }) => {
    const x = from - indent;
    return {
      series,
      x,
      end: x + mark,
      middle: x + mark / 2,
      text: x + mark + 6,
      y: LINE * (row + 0.5),
    };
  });
  const x = (field: string) => ({ ...at(0), x: { ...at(0).x, field } });
  return [{
    width: 1,
    height,
    data: { values },
    layer: [
      ...(lines
        ? [{
          mark: { type: "rule", strokeWidth: 2 },
          encoding: { ...at(1), ...lineChannels(styles) },
        }]
        : []),
      ...(points ? [{ mark: POINT, encoding: { ...x("middle"), ...pointChannels(styles) } }] : []),
      {
        mark: { type: "text", align: "left", fontSize: FONT_SIZE, color: "#222" },
        encoding: { ...x("text"), text: { field: "series" } },
      },
    ],
  }];
}

/** A figure's title, its key, and its panels below one another. */
export function withKey(
  title: string | object,
  styles: readonly SeriesStyle[],
  panels: object,
  options?: KeyOptions,
): object {
  return { title, spacing: 14, vconcat: [...keyView(styles, options), panels] };
}
