/**
 * Arrow IPC, the file format (also called Feather) and the stream format, a record batch at a time.
 *
 * @module
 */
import {
  compressionRegistry,
  CompressionType,
  type RecordBatch,
  RecordBatchReader,
} from "apache-arrow";
import { zstdDecompressSync } from "node:zlib";
import { arrowMessages } from "./arrow_messages.ts";
import { type ValueReader, valueReader } from "./arrow_values.ts";
import { FileBytes } from "./file_bytes.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { BadValue } from "./plain_values.ts";
import { type DataRecord, messageOf, type Reading } from "./reading.ts";

/** The library decompresses a buffer without telling for which reading, so by the usual limits. */
function maxBufferBytes(compressed: number): number {
  return Math.min(2 ** 30, Math.max(2 ** 26, DEFAULT_LIMITS.max_expansion * compressed));
}

compressionRegistry.set(CompressionType.ZSTD, {
  decode: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: maxBufferBytes(bytes.length) }),
});
compressionRegistry.set(CompressionType.LZ4_FRAME, {
  decode: () => {
    throw new Error("it is compressed with LZ4; write it with zstd or uncompressed");
  },
});

/**
 * Streams the rows of an Arrow file or stream, told apart by the first bytes. Bodies may be compressed
 * with Zstandard, not with LZ4.
 *
 * @throws {Error} `file:row: …` for damaged or truncated data, the row being the one after the last good
 *   batch, and for text that is not UTF-8; names the columns where a wanted one is missing.
 */
export async function* readArrow(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  using file = new FileBytes(path);
  const batches = recordBatches(file);
  let row = 0;
  while (true) {
    await Promise.resolve();
    reading.throwIfAborted();
    let batch: RecordBatch | undefined;
    let columns: Column[];
    try {
      batch = batches.next().value;
      if (batch === undefined) return;
      columns = columnsOf(batch, reading.columns);
    } catch (error) {
      if (error instanceof MissingColumn) throw new Error(`${path}: ${error.message}`);
      return reading.fault(
        `${path}:${row + 1}: cannot be read as Arrow data (${messageOf(error)})`,
      );
    }
    for (let at = 0; at < batch.numRows; at++) {
      row++;
      const value = readRow(columns, at, `${path}:${row}`, reading);
      if (value !== undefined) yield { file: path, row, value };
    }
  }
}

interface Column {
  readonly name: string;
  readonly read: ValueReader;
}

/** The library reads a message ahead, so a fault is kept until the batches before it are given. */
function* recordBatches(file: FileBytes): Generator<RecordBatch, undefined> {
  if (file.size === 0) throw new Error("the file is empty");
  let fault: unknown;
  function* messages(): Generator<Uint8Array> {
    try {
      yield* arrowMessages(file);
    } catch (error) {
      fault = error;
    }
  }
  const reader = RecordBatchReader.from(messages()).open();
  if (reader.schema === undefined) throw fault ?? new Error("truncated: its schema is missing");
  for (const batch of reader) if (batch.numRows > 0) yield batch;
  if (fault !== undefined) throw fault;
}

function columnsOf(batch: RecordBatch, wanted: readonly string[] | undefined): Column[] {
  const { fields } = batch.schema;
  const names = fields.map(({ name }) => name);
  const missing = wanted?.find((name) => !names.includes(name));
  if (missing !== undefined) throw new MissingColumn(missing, names);
  const { children } = batch.data;
  if (children.some(({ length }) => length !== batch.numRows)) {
    throw new Error("damaged: columns differ in length");
  }
  return (wanted ?? names).map((name) => ({
    name,
    read: valueReader(children[names.indexOf(name)]),
  }));
}

/** A wanted column that a table lacks. */
export class MissingColumn extends Error {
  constructor(name: string, present: readonly string[]) {
    super(`no column "${name}"; the file has ${present.join(", ") || "no columns"}`);
  }
}

function readRow(
  columns: readonly Column[],
  at: number,
  where: string,
  reading: Reading,
): Record<string, unknown> | undefined {
  const value: Record<string, unknown> = {};
  for (const { name, read } of columns) {
    try {
      value[name] = read(at);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      reading.fault(`${where}: column "${name}" ${error.message}`);
      return undefined;
    }
  }
  return value;
}
