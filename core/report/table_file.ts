/**
 * Tables to take along, as CSV and as Arrow.
 *
 * @module
 */
// @ts-types="npm:@types/d3-dsv@3.0.7"
import { csvFormat } from "d3-dsv";
import { encodeTable } from "../arrow/mod.ts";
import type { Batch, Columns } from "../stage/mod.ts";
import type { RowOf } from "./rows.ts";

/** A table in both formats. */
export interface TableFile {
  /** File name without ending. */
  readonly name: string;
  readonly csv: string;
  readonly arrow: Uint8Array<ArrayBuffer>;
}

/** Rows as the block of columns that a table holds: utf8, int32, float64 and bool. */
export function batchOf<C extends Columns>(
  { columns }: { readonly columns: C },
  rows: readonly object[],
): Batch<C> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, type]) => {
      const values = rows.map((row) => row[name as keyof typeof row] as unknown);
      if (type === "utf8") return [name, values];
      if (type === "bool") return [name, Uint8Array.from(values as number[], Number)];
      const array = type === "int32" ? Int32Array : Float64Array;
      return [name, array.from(values as number[])];
    }),
  ) as Batch<C>;
}

/** Writes rows in both formats. */
export function tableFile<C extends Columns>(
  name: string,
  port: { readonly columns: C },
  rows: readonly RowOf<{ columns: C }>[],
): TableFile {
  const columns = Object.keys(port.columns);
  return {
    name,
    csv: `${csvFormat(rows as Record<string, unknown>[], columns)}\n`,
    arrow: encodeTable(port.columns, batchOf(port, rows as readonly object[])),
  };
}
