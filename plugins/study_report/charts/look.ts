/**
 * What the study's figures share: series told apart by colour and by shape, and the words of their captions.
 *
 * @module
 */
import { ARM_COLOURS, ARM_DASHES, SHARED_COLOUR } from "../../../core/report/mod.ts";

/** Widest figure in CSS pixels, padding included. */
export const MAX_WIDTH = 760;

/** Series after the first, which is grey: the control. */
export const CONTROL_STYLE = { colour: SHARED_COLOUR, shape: "diamond", dash: [6, 3] } as const;

const SHAPES = ["circle", "square", "triangle-up", "triangle-down", "cross", "diamond"];

/** How one series is drawn. `open` marks have no filling. */
export interface SeriesStyle {
  readonly label: string;
  readonly colour: string;
  readonly shape: string;
  readonly dash: readonly number[];
  readonly open?: boolean;
}

/** Styles by place: colours and shapes repeat only after six. */
export function seriesStyles(labels: readonly string[]): SeriesStyle[] {
  return labels.map((label, i) => ({
    label,
    colour: ARM_COLOURS[i % ARM_COLOURS.length],
    shape: SHAPES[i % SHAPES.length],
    dash: ARM_DASHES[i % ARM_DASHES.length],
  }));
}

/** The control's style, under its label. */
export function controlStyle(label: string): SeriesStyle {
  return { label, ...CONTROL_STYLE };
}

/** Vega-Lite channels of points by the field `series`; one legend for all of them, none for one series. */
export function pointChannels(styles: readonly SeriesStyle[], legend = true): object {
  const channel = (range: (style: SeriesStyle) => unknown) => ({
    field: "series",
    type: "nominal",
    title: null,
    scale: { domain: styles.map(({ label }) => label), range: styles.map(range) },
    legend: legend && styles.length > 1 ? LEGEND : null,
  });
  return {
    stroke: channel(({ colour }) => colour),
    fill: channel(({ colour, open }) => open ? "white" : colour),
    shape: channel(({ shape }) => shape),
  };
}

/** Channels of lines by the field `series`. The legend is that of the points drawn on them. */
export function lineChannels(styles: readonly SeriesStyle[], legend = false): object {
  const channel = (range: (style: SeriesStyle) => unknown) => ({
    field: "series",
    type: "nominal",
    title: null,
    scale: { domain: styles.map(({ label }) => label), range: styles.map(range) },
    legend: legend ? {} : null,
  });
  return { color: channel(({ colour }) => colour), strokeDash: channel(({ dash }) => dash) };
}

/** Filled and open symbols of their own size, where lines would be too large. */
const LEGEND = { symbolSize: 110, symbolStrokeWidth: 2, columns: 4 };

/** A point large enough to tell its shape. */
export const POINT = { type: "point", size: 90, strokeWidth: 2, opacity: 1 } as const;

/** A thin line for an interval. */
export const INTERVAL = { type: "rule", strokeWidth: 1.6 } as const;

/** The heading of a panel within a figure. */
export function panelTitle(text: string): object {
  return { text, fontSize: 13, offset: 6 };
}

/** A file name: lower case, without anything but letters, digits and underscores. */
export function fileName(...parts: readonly string[]): string {
  return parts.join("_").toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_|_$/g, "");
}

/** "3 seeds", "1 seed", "2 to 3 seeds". */
export function seedCount(rows: readonly { seeds: number }[]): string {
  const seeds = rows.map((row) => row.seeds);
  const [least, most] = [Math.min(...seeds), Math.max(...seeds)];
  const range = least === most ? `${least}` : `${least} to ${most}`;
  return `${range} ${most === 1 ? "seed" : "seeds"}`;
}

/** What bars of standard deviations are, or why there are none. */
export function deviationNote(rows: readonly { seeds: number }[]): string {
  if (Math.max(...rows.map(({ seeds }) => seeds)) < 2) return "One seed: no deviations. ";
  return `Points: means over ${seedCount(rows)}; bars: one standard deviation over them each way. `;
}

/** What bars of differences are, or why there are none. */
export function differenceNote(rows: readonly { seeds: number }[]): string {
  if (Math.max(...rows.map(({ seeds }) => seeds)) < 2) return "One seed: no intervals. ";
  return "Points: mean differences paired by the seed of fine-tuning, " +
    `${seedCount(rows)}; bars: their confidence intervals by Student's t. `;
}

/** Share of the run or of the tokens as a whole percentage. */
export function wholePercent(share: number): number {
  return Math.round(100 * share);
}
