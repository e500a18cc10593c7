/**
 * Reads Arrow IPC files batch by batch, into the column types of the stage contract.
 *
 * @module
 */
import { type Data, RecordBatchReader, type Schema } from "apache-arrow";
import { type FileHandle, open } from "node:fs/promises";
import type { Batch, ColumnData, Columns, ColumnType, ListColumn } from "../stage/mod.ts";
import {
  ARRAYS,
  assertColumns,
  type ElementType,
  listElement,
  type Values,
} from "./arrow_schema.ts";

/**
 * Streams the record batches of a file, in order, holding one at a time.
 *
 * @param columns the columns to read; the file may hold more.
 * @param origin what is being read, for messages.
 * @throws {TypeError} when the file is not Arrow or lacks a column.
 */
export async function* readBatches<C extends Columns>(
  path: string,
  columns: C,
  origin = path,
): AsyncGenerator<Batch<C>> {
  const handle = await open(path);
  try {
    const reader = await openReader(handle, origin);
    assertColumns(reader.schema, columns, origin);
    for await (const { data, numRows } of reader) {
      if (numRows === 0) continue; // the reader's placeholder for a table without rows
      const batch: Record<string, ColumnData<ColumnType>> = {};
      for (const [name, type] of Object.entries(columns)) {
        const index = reader.schema.fields.findIndex((field) => field.name === name);
        batch[name] = decodeColumn(type, data.children[index], numRows);
      }
      yield batch as Batch<C>;
    }
  } finally {
    await handle.close().catch(() => {}); // the reader closes it after the last batch
  }
}

// Arrow picks this reader by the shape of its source; its types do not know node's FileHandle.
type FileReader = AsyncIterable<{ data: Data; numRows: number }> & { schema: Schema };

async function openReader(handle: FileHandle, origin: string): Promise<FileReader> {
  try {
    const reader = await RecordBatchReader.from(handle as unknown as ArrayBuffer);
    return await reader.open() as unknown as FileReader;
  } catch (error) {
    throw new TypeError(`${origin} is not an Arrow file: ${(error as Error).message}`);
  }
}

/** One whole column of a file. */
export async function readColumn<T extends ColumnType>(
  path: string,
  name: string,
  type: T,
  origin = path,
): Promise<ColumnData<T>> {
  const parts: ColumnData<T>[] = [];
  for await (const batch of readBatches(path, { [name]: type }, origin)) {
    parts.push(batch[name] as ColumnData<T>);
  }
  return concatColumns(type, parts);
}

/** Joins the parts of a column; list offsets go on where the part before them ended. */
export function concatColumns<T extends ColumnType>(
  type: T,
  parts: readonly ColumnData<T>[],
): ColumnData<T> {
  if (parts.length === 1) return parts[0];
  return concatParts(type, parts as readonly unknown[]) as ColumnData<T>;
}

function concatParts(type: ColumnType, parts: readonly unknown[]) {
  if (type === "utf8") return (parts as string[][]).flat();
  const element = listElement(type);
  if (!element) return concatValues(ARRAYS[type as ElementType], parts as Values[]);
  const lists = parts as ListColumn<Values>[];
  const rows = lists.reduce((sum, list) => sum + list.offsets.length - 1, 0);
  const offsets = new Int32Array(rows + 1);
  let [row, value] = [0, 0];
  for (const list of lists) {
    list.offsets.subarray(1).forEach((offset) => offsets[++row] = value + offset);
    value += list.values.length;
  }
  return { values: concatValues(ARRAYS[element], lists.map((list) => list.values)), offsets };
}

function concatValues(make: new (length: number) => Values, parts: Values[]): Values {
  const all = new make(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part as never, at);
    at += part.length;
  }
  return all;
}

// A byte-order mark at the start of a row is text like any other, so the decoder must not swallow it.
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Arrow pads buffers, and sliced columns start anywhere: every view is cut to its rows, offsets from 0. */
function decodeColumn(type: ColumnType, data: Data, rows: number): ColumnData<ColumnType> {
  if (type === "bool") {
    return Uint8Array.from({ length: rows }, (_, i) => {
      const bit = data.offset + i;
      return (data.values[bit >> 3] >> (bit & 7)) & 1;
    });
  }
  if (type !== "utf8" && !listElement(type)) return data.values.subarray(0, rows);
  const absolute = data.valueOffsets.subarray(0, rows + 1) as Int32Array;
  const first = absolute[0];
  const offsets = absolute.map((offset) => offset - first);
  const source = type === "utf8" ? data.values : data.children[0].values;
  const values = source.subarray(first, first + offsets[rows]);
  if (type !== "utf8") return { values, offsets };
  return Array.from(
    { length: rows },
    (_, i) => DECODER.decode(values.subarray(offsets[i], offsets[i + 1])),
  );
}
