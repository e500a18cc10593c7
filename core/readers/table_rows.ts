/**
 * What the readers of table formats (Parquet, Arrow) share: rows out of batches of columns, and what happens to bad
 * ones.
 *
 * @module
 */
import { BadValue } from "../arrow/mod.ts";
import { type DataRecord, faultAfter, type Reading, setField } from "./reading.ts";

/** Some rows of the wanted columns. */
export interface TableBatch {
  readonly rows: number;
  readonly columns: readonly TableColumn[];
}

export interface TableColumn {
  readonly name: string;
  /** Reads the value of a row of the batch. @throws {BadValue} when this one value cannot be read. */
  read(row: number): unknown;
}

/** A wanted column is missing from a table, or there twice. */
class MissingColumn extends Error {}

/**
 * The names of the wanted columns, of all if the reading names none.
 *
 * @throws {MissingColumn} naming the file and its columns.
 */
export function chooseColumns(
  present: readonly string[],
  reading: Reading,
  path: string,
): readonly string[] {
  const missing = reading.missingColumn(present);
  if (missing !== undefined) {
    const names = present.join(", ") || "no columns";
    throw new MissingColumn(`${path}: no column "${missing}"; the file has ${names}`);
  }
  const twice = reading.ambiguousColumn(present);
  if (twice !== undefined) {
    throw new MissingColumn(`${path}: column "${twice}" appears twice; rename one of them`);
  }
  const { columns, uses } = reading;
  if (columns !== undefined || uses === undefined) return columns ?? present;
  const used = new Set(uses.flatMap(({ names }) => names));
  return present.filter((name) => used.has(name));
}

/**
 * Streams the rows of batches. A row with a bad value is a fault of its own; an error of `batches` ends the table.
 *
 * @param start number of rows of the file before the first batch.
 * @param explain the message for an error of `batches`, which follows the place.
 */
export async function* readTable(
  path: string,
  batches: Iterator<TableBatch>,
  start: number,
  explain: (error: unknown) => string,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  for (let row = start;;) {
    let batch: IteratorResult<TableBatch>;
    try {
      batch = batches.next();
    } catch (error) {
      if (error instanceof MissingColumn) throw error;
      return reading.fault(faultAfter(path, row, "row", explain(error)));
    }
    if (batch.done) return;
    for (let at = 0; at < batch.value.rows; at++) {
      await reading.turn();
      row++;
      const value = readRow(batch.value, at, `${path}:${row}`, reading);
      if (value !== undefined) yield { file: path, row, value };
    }
  }
}

/** @returns undefined for a row that is skipped. */
function readRow(
  { columns }: TableBatch,
  at: number,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  const value: Record<string, unknown> = {};
  for (const { name, read } of columns) {
    try {
      setField(value, name, read(at));
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      reading.fault(`${where}: column "${name}" ${error.message}`);
      return undefined;
    }
  }
  return value;
}
