/**
 * Numbers, times and tables as text.
 *
 * @module
 */

/** 42 s: "0:42"; 1 h 2 min 3 s: "1:02:03"; below ten seconds with tenths: "3.2 s". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 9950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Seconds as `formatDuration` shows them, from two days on as days, from two years on as years. */
export function formatSpan(seconds: number): string {
  const days = seconds / 86_400;
  if (days < 2) return formatDuration(1000 * seconds);
  return days < 730 ? `${days.toFixed(1)} days` : `${(days / 365.25).toFixed(1)} years`;
}

/** Thousands separated by commas, whatever the machine's language. */
export function formatNumber(value: number): string {
  return value.toLocaleString("en-US");
}

/** 1.5 MB and the like, in powers of 1,000. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/** Rows under headings, columns as wide as their longest cell. Columns named in `right` align right. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines.map((line) =>
    line.map((cell, i) =>
      right.includes(headings[i]) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])
    ).join("  ").trimEnd()
  ).join("\n");
}

const CODES = { green: 32, red: 31, dim: 2, bold: 1 } as const;

/** Colours text when `enabled`. */
export function style(text: string, name: keyof typeof CODES, enabled: boolean): string {
  return enabled ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text;
}
