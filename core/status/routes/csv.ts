/**
 * CSV, as RFC 4180 has it.
 *
 * @module
 */

/** One line. Null and NaN are empty; a list is a JSON array. */
export function csvLine(cells: readonly unknown[]): string {
  return cells.map(csvCell).join(",") + "\r\n";
}

function csvCell(cell: unknown): string {
  if (cell === null || (typeof cell === "number" && !Number.isFinite(cell))) return "";
  const text = typeof cell === "object" ? JSON.stringify(cell) : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
