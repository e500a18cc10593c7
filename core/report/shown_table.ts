/**
 * Tables as a reader sees them.
 *
 * @module
 */

/** A table as shown: text in cells, numbers to the right. */
export interface ShownTable {
  caption: string;
  columns: { header: string; numeric: boolean }[];
  rows: string[][];
}

/**
 * Builds a shown table from rows and one function per column. A header that starts with "#" is a numeric
 * column (the mark is dropped).
 */
export function shownTable<R>(
  caption: string,
  rows: readonly R[],
  cells: Record<string, (row: R) => string>,
): ShownTable {
  const columns = Object.keys(cells).map((key) => ({
    header: key.replace(/^#/, ""),
    numeric: key.startsWith("#"),
  }));
  return {
    caption,
    columns,
    rows: rows.map((row) => Object.values(cells).map((cell) => cell(row))),
  };
}
