/**
 * Parquet files, one page of one row group at a time.
 *
 * @module
 */
import {
  type FileMetaData,
  parquetMetadata,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { contentOf } from "./content.ts";
import { FileBytes } from "./file_bytes.ts";
import { rowBatches, UnreadableColumn } from "./parquet_columns.ts";
import { type DataRecord, type Format, type Limits, messageOf, type Reading } from "./reading.ts";
import { chooseColumns, readTable, type TableBatch } from "./table_rows.ts";

const MAGIC = "PAR1";
const MAX_FOOTER_BYTES = 2 ** 28;

/**
 * Parquet files, compressed with Snappy, gzip, Zstandard, Brotli, LZ4 or not at all. Maps are objects, decimals are
 * texts such as "-3.30", times of day integers in their unit.
 */
export const parquet: Format = {
  endings: [".parquet"],
  record: "a row",
  readFile: readParquet,
};

/**
 * When faults are skipped, a damaged row group is left after its last good row, and the next one is read.
 *
 * @throws {Error} `file:row: …` for damaged data, and for text that is not UTF-8; lists the columns if a wanted one is
 *   missing.
 */
async function* readParquet(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  using file = new FileBytes(path);
  let metadata: FileMetaData;
  let schema: SchemaTree;
  try {
    metadata = readFooter(file);
    schema = parquetSchema(metadata);
  } catch (error) {
    const fault = contentOf(file, MAGIC) ??
      `is not a readable Parquet file (${messageOf(error)}); fetch or write it again`;
    return reading.fault(`${path} ${fault}`);
  }
  const present = schema.children.map(({ element }) => element.name);
  const columns = chooseColumns(present, reading, path)
    .map((name) => schema.children[present.indexOf(name)]);
  if (columns.length === 0) return;
  let start = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const explain = (error: unknown) =>
      error instanceof UnreadableColumn
        ? error.message
        : `row group ${index + 1} cannot be read (${messageOf(error)})`;
    const batches = groupBatches(file, schema, group, columns, reading.limits);
    yield* readTable(path, batches, start, explain, reading);
    start += Number(group.num_rows);
  }
}

/** The batches of a row group, checked to have as many rows as it declares. */
function* groupBatches(
  file: FileBytes,
  schema: SchemaTree,
  group: RowGroup,
  columns: readonly SchemaTree[],
  limits: Limits,
): Generator<TableBatch> {
  let missing = Number(group.num_rows);
  for (const batch of rowBatches(file, schema, group.columns, columns, limits)) {
    missing -= batch.rows;
    if (missing < 0) break;
    yield batch;
  }
  if (missing !== 0) throw new Error("damaged: the number of rows is not the declared one");
}

function readFooter(file: FileBytes): FileMetaData {
  const magicAt = (at: number) => new TextDecoder("latin1").decode(file.read(at, at + 4));
  if (file.size < 12 || magicAt(0) !== MAGIC) throw new Error(`it does not begin with ${MAGIC}`);
  const tail = file.size - 8;
  if (magicAt(tail + 4) !== MAGIC) throw new Error(`truncated: it does not end with ${MAGIC}`);
  const length = new DataView(file.read(tail, tail + 4).buffer).getUint32(0, true);
  if (length > Math.min(tail - 4, MAX_FOOTER_BYTES)) {
    throw new Error("the length of its footer is wrong");
  }
  const metadata = parquetMetadata(file.read(tail - length, file.size), { geoparquet: false });
  const rows = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (rows.some((count) => !(count >= 0)) || total !== Number(metadata.num_rows)) {
    throw new Error("its row groups do not add up to its number of rows");
  }
  return metadata;
}
