/**
 * Tables as rows. A report reads measurements, which are small, never tokens or weights.
 *
 * @module
 */
import type { Columns, TableInput } from "../stage/mod.ts";

/** One row of a table whose columns are all scalars. */
export type Row<C extends Columns> = {
  -readonly [K in keyof C]: C[K] extends "utf8" ? string : number;
};

/** A row of a port's table. */
export type RowOf<P extends { columns: Columns }> = Row<P["columns"]>;

/**
 * The rows of several tables, by label.
 *
 * @param order labels in the order in which they are shown; others follow, sorted.
 */
export async function rowsByLabel<C extends Columns>(
  tables: Readonly<Record<string, TableInput<C>>>,
  order: readonly string[],
): Promise<Record<string, Row<C>[]>> {
  // Never the order of wiring, which must not change the report.
  const known = order.filter((label) => label in tables);
  const labels = [...new Set([...known, ...Object.keys(tables).sort()])];
  return Object.fromEntries(
    await Promise.all(labels.map(async (label) => [label, await rowsOf(tables[label])])),
  );
}

/** The rows of one table. */
export async function rowsOf<C extends Columns>(input: TableInput<C>): Promise<Row<C>[]> {
  const rows: Row<C>[] = [];
  for await (const batch of input.batches()) {
    const columns = Object.entries(batch) as [string, ArrayLike<string | number>][];
    const length = columns[0]?.[1].length ?? 0;
    for (let i = 0; i < length; i++) {
      rows.push(Object.fromEntries(columns.map(([name, values]) => [name, values[i]])) as Row<C>);
    }
  }
  return rows;
}
