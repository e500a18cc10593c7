/**
 * Markdown tables and the numbers in them.
 *
 * @module
 */
import { disturbance, isQuiet, type Spread, type Turns } from "./statistics.ts";

/** A table; columns after the first `text_columns` are aligned right, and cells that a row lacks are dashes. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  text_columns = 1,
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = headings.map((_, i) => i < text_columns ? "---" : "---:");
  const full = (cells: readonly string[]) => headings.map((_, i) => cells[i] ?? "–");
  return [line(headings), line(rule), ...rows.map((cells) => line(full(cells)))].join("\n");
}

/** 1.234 -> "1.23"; what was not measured is a dash. */
export function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? "–" : value.toFixed(digits);
}

/** "2.01 (1.95–2.10)" */
export function withRange({ median, min, max }: Spread, digits: number): string {
  return `${fixed(median, digits)} (${fixed(min, digits)}–${fixed(max, digits)})`;
}

/** Three significant digits, with commas: 12345 -> "12,300". */
export function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 20 });
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** Bytes in units of 10^9, which GB stands for. */
export function gigabytes(bytes: number | undefined): string {
  return fixed(bytes === undefined ? undefined : bytes / 1e9, 2);
}

/** Seconds as milliseconds. */
export function milliseconds(seconds: number | undefined): string {
  return fixed(seconds === undefined ? undefined : 1000 * seconds, 0);
}

/**
 * How quiet the machine was, with a warning where it was not.
 *
 * @param repeated rounds that were played again for it.
 */
export function describeQuiet(rounds: readonly Turns[], repeated: number): string {
  const { waiting, others } = disturbance(rounds);
  const text =
    `While one side computed, the other used at most ${fixed(waiting, 2)} of a core, and ` +
    `everything else on the machine ${fixed(others, 2)} cores.`;
  const again = repeated === 0
    ? ""
    : ` ${repeated} rounds were played again because something else computed.`;
  if (isQuiet(rounds)) return text + again;
  return `${text}${again} **The machine was not quiet, so these figures are doubtful:** shared cores do not slow ` +
    `both sides alike.`;
}
