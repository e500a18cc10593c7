/**
 * Parquet files, a row group and in it a page at a time.
 *
 * @module
 */
import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import { MissingColumn } from "./arrow.ts";
import { FileBytes } from "./file_bytes.ts";
import { type RowBatch, rowBatches } from "./parquet_columns.ts";
import { BadValue, plainInteger } from "./plain_values.ts";
import { type DataRecord, messageOf, type Reading } from "./reading.ts";

const MAGIC = "PAR1";
const MAX_FOOTER_BYTES = 2 ** 28;

/**
 * Streams the rows of a Parquet file compressed with Snappy, gzip, Zstandard, Brotli, LZ4 or not at all.
 * Maps are objects, decimals are numbers, times of day integers in their unit.
 *
 * Where faults are skipped, a damaged row group is left after its last good row, and the next is read.
 *
 * @throws {Error} `file:row: …` for damaged data, and for text that is not UTF-8; names the columns where a
 *   wanted one is missing.
 */
export async function* readParquet(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  using file = new FileBytes(path);
  let metadata: FileMetaData;
  let schema: SchemaTree;
  try {
    metadata = readFooter(file);
    schema = parquetSchema(metadata);
  } catch (error) {
    return reading.fault(
      `${path}:1: is not a readable Parquet file (${messageOf(error)}); fetch or write it again`,
    );
  }
  const columns = wantedColumns(schema, reading.columns, path);
  let start = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    const batches = rowBatches(file, schema, group.columns, columns, reading.limits);
    const place = { path, start, rows, group: index + 1 };
    yield* columns.length === 0 ? [] : readGroup(batches, place, reading);
    start += rows;
  }
}

interface GroupPlace {
  readonly path: string;
  /** Rows of the file before the group, and in it. */
  readonly start: number;
  readonly rows: number;
  readonly group: number;
}

async function* readGroup(
  batches: Generator<RowBatch>,
  { path, start, rows, group }: GroupPlace,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  const end = start + rows;
  let row = start;
  while (true) {
    await Promise.resolve();
    reading.throwIfAborted();
    let batch: RowBatch | undefined;
    try {
      batch = batches.next().value as RowBatch | undefined;
      if (row + (batch?.length ?? 0) > end || (batch === undefined && row < end)) {
        throw new Error("damaged: its rows are not as many as it says");
      }
    } catch (error) {
      return reading.fault(
        `${path}:${row + 1}: row group ${group} cannot be read (${messageOf(error)})`,
      );
    }
    if (batch === undefined) return;
    for (let at = 0; at < batch.length; at++) {
      row++;
      const value = readRow(batch, at, `${path}:${row}`, reading);
      if (value !== undefined) yield { file: path, row, value };
    }
  }
}

function readFooter(file: FileBytes): FileMetaData {
  const magicAt = (at: number) => new TextDecoder("latin1").decode(file.read(at, at + 4));
  if (file.size < 12 || magicAt(0) !== MAGIC) throw new Error(`it does not begin with ${MAGIC}`);
  const tail = file.size - 8;
  if (magicAt(tail + 4) !== MAGIC) throw new Error(`truncated: it does not end with ${MAGIC}`);
  const length = new DataView(file.read(tail, tail + 4).buffer).getUint32(0, true);
  if (length > Math.min(tail - 4, MAX_FOOTER_BYTES)) {
    throw new Error("its footer has no such length");
  }
  const metadata = parquetMetadata(file.read(tail - length, file.size), { geoparquet: false });
  const rows = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (rows.some((count) => !(count >= 0)) || total !== Number(metadata.num_rows)) {
    throw new Error("its row groups do not make up its rows");
  }
  return metadata;
}

function wantedColumns(
  schema: SchemaTree,
  wanted: readonly string[] | undefined,
  path: string,
): readonly SchemaTree[] {
  if (wanted === undefined) return schema.children;
  const names = schema.children.map(({ element }) => element.name);
  return wanted.map((name) => {
    const at = names.indexOf(name);
    if (at < 0) throw new Error(`${path}: ${new MissingColumn(name, names).message}`);
    return schema.children[at];
  });
}

function readRow(
  batch: RowBatch,
  at: number,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  const value: Record<string, unknown> = {};
  for (const { name, data, start } of batch.columns) {
    try {
      value[name] = plain(data[start + at]);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      reading.fault(`${where}: column "${name}" ${error.message}`);
      return undefined;
    }
  }
  return value;
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return plainInteger(value);
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return value;
  if (value instanceof BadValue) throw value;
  // A copy, because the page would be kept in memory with it.
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
