/**
 * Rows of our tables as CSV (RFC 4180).
 *
 * @module
 */
import type { RowReader } from "./random_access.ts";

/** One CSV line (RFC 4180). Null and NaN are empty; a list is a JSON array. */
export function csvLine(cells: readonly unknown[]): string {
  return cells.map(csvCell).join(",") + "\r\n";
}

/** A whole table as CSV, a slice of rows at a time: the first line has the names of the columns. */
export function* csvPieces(table: RowReader): Generator<string> {
  yield csvLine(table.columns.map(({ name }) => name));
  for (const rows of table.read(table.columns, 0, table.rows)) yield rows.map(csvLine).join("");
}

function csvCell(cell: unknown): string {
  if (cell === null || (typeof cell === "number" && !Number.isFinite(cell))) return "";
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
