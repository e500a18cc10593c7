/**
 * What the study's figures share: series told apart by colour and by shape, and the words of their captions.
 *
 * @module
 */
import { ARM_COLOURS, ARM_DASHES, SHARED_COLOUR } from "../../../core/report/mod.ts";

/** Widest figure in CSS pixels, padding included. */
export const MAX_WIDTH = 760;

/** Grey: what others are compared with. */
const CONTROL_STYLE = { colour: SHARED_COLOUR, shape: "diamond", dash: [6, 3] } as const;

const SHAPES = ["circle", "square", "triangle-up", "triangle-down", "cross", "diamond"];

/** How one series is drawn. `open` marks have no filling. */
export interface SeriesStyle {
  readonly label: string;
  readonly colour: string;
  readonly shape: string;
  readonly dash: readonly number[];
  readonly open?: boolean;
}

/** Styles by place. With the second six, colours come back with another shape and another dash. */
export function seriesStyles(labels: readonly string[]): SeriesStyle[] {
  return labels.map((label, i) => {
    const other = i + Math.floor(i / ARM_COLOURS.length);
    return {
      label,
      colour: ARM_COLOURS[i % ARM_COLOURS.length],
      shape: SHAPES[other % SHAPES.length],
      dash: ARM_DASHES[other % ARM_DASHES.length],
    };
  });
}

/** The control's style, under its label. */
export function controlStyle(label: string): SeriesStyle {
  return { label, ...CONTROL_STYLE };
}

/** Vega-Lite channels of points by the field `series`. The key stands for a legend. */
export function pointChannels(styles: readonly SeriesStyle[]) {
  return {
    stroke: channel(styles, ({ colour }) => colour),
    fill: channel(styles, ({ colour, open }) => open ? "white" : colour),
    shape: channel(styles, ({ shape }) => shape),
  };
}

/** Channels of lines by the field `series`. */
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

/** A point large enough to tell its shape. */
export const POINT = { type: "point", size: 90, strokeWidth: 2, opacity: 1 } as const;

/** A thin line for an interval. */
export const INTERVAL = { type: "rule", strokeWidth: 1.6 } as const;

/** The heading of a panel within a figure. */
export function panelTitle(text: string): object {
  return { text, fontSize: 13, offset: 6, frame: "group" };
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
    `${seedCount(rows)}; bars: their confidence intervals by Student's t, 95% by default. `;
}

/** Where there are several panels, that their axes differ. */
export function scalesNote(panels: number): string {
  return panels > 1 ? "Each panel has its own scale." : "";
}

/** Share of the run or of the tokens as a whole percentage. */
export function wholePercent(share: number): number {
  return Math.round(100 * share);
}
