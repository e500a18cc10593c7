/**
 * Arrow files (also called Feather) and streams, a record batch at a time.
 *
 * @module
 */
import { foreignBatches } from "../arrow/mod.ts";
import { contentOf } from "./content.ts";
import { FileBytes } from "./file_bytes.ts";
import { type DataRecord, type Format, messageOf, type Reading } from "./reading.ts";
import { chooseColumns, readTable, type TableBatch } from "./table_rows.ts";

/** Arrow files and streams, told apart by their first bytes; uncompressed or compressed with LZ4 or Zstandard. */
export const arrow: Format = {
  endings: [".arrow", ".feather", ".ipc"],
  record: "a row",
  readFile: readArrow,
};

/**
 * @throws {Error} `file:row: …` for damaged or truncated data, the row being the one after the last good
 *   batch, and for text that is not UTF-8; lists the columns if a wanted one is missing.
 */
async function* readArrow(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  using file = new FileBytes(path);
  const explain = (error: unknown) =>
    contentOf(file, "ARROW1\0") ?? `cannot be read as Arrow data (${messageOf(error)})`;
  yield* readTable(path, batchesOf(file, path, reading), 0, explain, reading);
}

function* batchesOf(file: FileBytes, path: string, reading: Reading): Generator<TableBatch> {
  const choose = (present: readonly string[]) => chooseColumns(present, reading, path);
  for (const batch of foreignBatches(file, reading.limits.max_expansion, choose)) {
    yield {
      rows: batch.rows,
      columns: choose(batch.names).map((name) => ({ name, read: batch.column(name) })),
    };
  }
}
