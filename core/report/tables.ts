/**
 * Tables: read into rows, shown on a page, and offered for download as CSV and Arrow.
 *
 * @module
 */
// @ts-types="npm:@types/d3-dsv@3.0.7"
import { csvFormat } from "d3-dsv";
import { encodeTable } from "../arrow/mod.ts";
import {
  batchOf,
  type CellOf,
  type Columns,
  type InputPorts,
  type Inputs,
  type TableInput,
} from "../stage/mod.ts";

/** One row of a table whose columns are all scalars. */
export type Row<C extends Columns> = {
  -readonly [K in keyof C]: Exclude<CellOf<C[K]>, boolean>;
};

/** A row of a port's table. */
export type RowOf<P extends { columns: Columns }> = Row<P["columns"]>;

/** Reads a whole table into rows, for tables of measurements; never for tokens or weights. */
export async function rowsOf<C extends Columns>(input: TableInput<C>): Promise<Row<C>[]> {
  const rows: Row<C>[] = [];
  for await (const batch of input.batches()) {
    const columns = Object.entries(batch) as [string, ArrayLike<string | number | null>][];
    const length = columns[0]?.[1].length ?? 0;
    for (let i = 0; i < length; i++) {
      rows.push(Object.fromEntries(columns.map(([name, values]) => [name, values[i]])) as Row<C>);
    }
  }
  return rows;
}

/** The rows of a report's inputs: an array for an optional table, arrays by label for many tables. */
export type RowsOfInputs<P extends InputPorts> = {
  [K in keyof P]: P[K] extends { kind: "many"; port: { columns: infer C extends Columns } }
    ? Record<string, Row<C>[]>
    : P[K] extends { port: { columns: infer C extends Columns } } ? Row<C>[]
    : never;
};

/**
 * Reads all inputs of a report. A table that is not wired has no rows.
 *
 * @param order labels of "many" inputs in display order; other labels follow, sorted. The order of wiring never counts,
 * because it must not change the report.
 */
export async function readInputs<P extends InputPorts>(
  ports: P,
  inputs: Inputs<P>,
  order: readonly string[] = [],
): Promise<RowsOfInputs<P>> {
  const read = async (name: string, kind: string) => {
    const input: unknown = inputs[name];
    if (kind !== "many") return input ? await rowsOf(input as TableInput<Columns>) : [];
    const tables = input as Record<string, TableInput<Columns>>;
    const labels = new Set([
      ...order.filter((label) => label in tables),
      ...Object.keys(tables).sort(),
    ]);
    return Object.fromEntries(
      await Promise.all([...labels].map(async (label) => [label, await rowsOf(tables[label])])),
    );
  };
  const entries = Object.entries(ports).map(async (
    [name, { kind }],
  ) => [name, await read(name, kind)]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Rows of several tables as one list; each row gains the label of its table under `name`. */
export function labelled<N extends string, R extends object>(
  name: N,
  tables: Readonly<Record<string, readonly R[]>>,
): (R & Record<N, string>)[] {
  return Object.entries(tables).flatMap(([label, rows]) =>
    rows.map((row) => ({ [name]: label, ...row }) as R & Record<N, string>)
  );
}

/** A table in both download formats. */
export interface TableFile {
  /** File name without its extension. */
  readonly name: string;
  readonly csv: string;
  readonly arrow: Uint8Array<ArrayBuffer>;
}

/** Encodes rows as CSV, with empty cells for nulls, and as Arrow. Only the port's columns are written, in its order. */
export function tableFile<C extends Columns>(
  name: string,
  port: { readonly columns: C },
  rows: readonly RowOf<{ columns: C }>[],
): TableFile {
  const columns = Object.keys(port.columns);
  return {
    name,
    csv: `${csvFormat(rows as Record<string, unknown>[], columns)}\n`,
    arrow: encodeTable(port.columns, batchOf(port, rows as never[])),
  };
}

/** As {@link tableFile}, for several tables of one port; their labels become the first column. */
export function labelledFile(
  name: string,
  label: string,
  { columns }: { readonly columns: Columns },
  tables: Readonly<Record<string, readonly object[]>>,
): TableFile {
  // The name of the first column is known at run time only.
  return tableFile(
    name,
    { columns: { [label]: "utf8", ...columns } },
    labelled(label, tables) as never[],
  );
}

/** A table as shown on the page. */
export interface ShownTable {
  caption: string;
  columns: { header: string; numeric: boolean; prose: boolean }[];
  rows: ShownCell[][];
  /** The data behind the table, for download. */
  file?: TableFile;
}

/** Text of a cell: optionally bold, with a note in small print below it. */
export type ShownCell = string | {
  readonly text: string;
  readonly strong?: boolean;
  readonly note?: string;
};

/**
 * Builds a shown table from rows and one function per column. The first character of a header sets the column's kind and
 * is not shown: "#" is numeric, "~" is prose and gets more room. Line breaks in a cell are kept.
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
