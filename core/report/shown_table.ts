/**
 * Tables as a reader sees them.
 *
 * @module
 */
import type { TableFile } from "./table_file.ts";

/** A table as shown: text in cells, numbers to the right. */
export interface ShownTable {
  caption: string;
  columns: { header: string; numeric: boolean; prose: boolean }[];
  rows: ShownCell[][];
  /** What the table shows, to be taken along. */
  file?: TableFile;
}

/** Text of a cell; that which stands out is bold, and a note stands small on a line below. */
export type ShownCell = string | {
  readonly text: string;
  readonly strong?: boolean;
  readonly note?: string;
};

/**
 * Builds a shown table from rows and one function per column. A header that starts with "#" is a numeric
 * column, one that starts with "~" holds sentences and gets room for them (the mark is dropped). Lines of a cell of text
 * stay lines.
 */
export function shownTable<R>(
  caption: string,
  rows: readonly R[],
  cells: Record<string, (row: R) => ShownCell>,
  file?: TableFile,
): ShownTable {
  const columns = Object.keys(cells).map((key) => ({
    header: key.replace(/^[#~]/, ""),
    numeric: key.startsWith("#"),
    prose: key.startsWith("~"),
  }));
  return {
    caption,
    columns,
    rows: rows.map((row) => Object.values(cells).map((cell) => cell(row))),
    ...(file && { file }),
  };
}
