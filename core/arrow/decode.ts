/**
 * Reads tables, each one or more Arrow IPC files, into the column types of the stage contract.
 *
 * @module
 */
import type { Schema } from "apache-arrow";
import type { Batch, ColumnData, Columns, ColumnType, ListColumn } from "../stage/mod.ts";
import { ArrowFile, type BatchPlace } from "./file.ts";
import {
  ARRAYS,
  type ConcreteType,
  concreteType,
  type ElementType,
  findColumns,
  listElement,
  type Values,
} from "./schema.ts";

/**
 * Streams the record batches of files, in order, holding one at a time. Only the columns asked for are read.
 *
 * @param columns the columns to read; the files may hold more.
 * @param origin what is being read, for messages.
 * @throws {TypeError} when a file is not Arrow or lacks a column.
 */
export async function* readBatches<C extends Columns>(
  paths: string | readonly string[],
  columns: C,
  origin?: string,
): AsyncGenerator<Batch<C>> {
  for (const path of [paths].flat()) {
    const file = ArrowFile.open(path, origin);
    const found = Object.entries(findColumns(file.schema, columns, origin ?? path));
    for (const batch of file.batches) {
      const decoded = found.map(([name, { index, type }]) => {
        return [name, decodeColumn(file, batch, firstBuffer(file.schema, index), type)];
      });
      yield Object.fromEntries(decoded) as Batch<C>;
    }
  }
}

/** One whole column of a table. */
export async function readColumn<T extends ColumnType>(
  paths: string | readonly string[],
  name: string,
  type: T,
  origin?: string,
): Promise<ColumnData<T>> {
  const parts: ColumnData<T>[] = [];
  for await (const batch of readBatches(paths, { [name]: type }, origin)) {
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
  const concrete = concreteType(type, (parts[0] as Partial<ListColumn<Values>>)?.values);
  const element = listElement(concrete);
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

/** Index of a column's first buffer: a text has three (validity, offsets, bytes), a list has its items' two more. */
export function firstBuffer(schema: Schema, index: number): number {
  return schema.fields.slice(0, index).reduce((sum, { type }) => {
    const name = String(type);
    return sum + (name === "Utf8" ? 3 : name.startsWith("List") ? 4 : 2);
  }, 0);
}

function decodeColumn(
  file: ArrowFile,
  { rows, buffers }: BatchPlace,
  first: number,
  type: ConcreteType,
): ColumnData<ColumnType> {
  const element = listElement(type);
  if (type === "utf8") {
    return decodeStrings(
      readOffsets(file, buffers[first + 1], rows),
      file.read(buffers[first + 2]),
    );
  }
  if (element) {
    const offsets = readOffsets(file, buffers[first + 1], rows);
    const { BYTES_PER_ELEMENT } = ARRAYS[element];
    const bytes = file.read(buffers[first + 3], 0, offsets[rows] * BYTES_PER_ELEMENT);
    return { values: viewAs(element, bytes), offsets } as ColumnData<ColumnType>;
  }
  if (type === "bool") {
    const bits = file.read(buffers[first + 1]);
    return Uint8Array.from({ length: rows }, (_, i) => (bits[i >> 3] >> (i & 7)) & 1);
  }
  const { BYTES_PER_ELEMENT } = ARRAYS[type as ElementType];
  return viewAs(
    type as ElementType,
    file.read(buffers[first + 1], 0, rows * BYTES_PER_ELEMENT),
  ) as ColumnData<ColumnType>;
}

/** The offsets of a text or list column; the encoder makes them begin at 0. */
export function readOffsets(
  file: ArrowFile,
  region: BatchPlace["buffers"][number],
  rows: number,
): Int32Array<ArrayBuffer> {
  return new Int32Array(file.read(region, 0, 4 * (rows + 1)).buffer);
}

/** Bytes as values of an element type. */
export function viewAs(element: ElementType, bytes: Uint8Array<ArrayBuffer>): Values {
  return new ARRAYS[element](bytes.buffer);
}

// A byte-order mark at the start of a row is text like any other, so the decoder must not swallow it.
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Rows that repeat the one before, as names of sources do, share its string. */
function decodeStrings(offsets: Int32Array, bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let i = 0; i + 1 < offsets.length; i++) {
    const same = i > 0 && sameBytes(bytes, offsets[i - 1], offsets[i], offsets[i + 1]);
    rows.push(same ? rows[i - 1] : DECODER.decode(bytes.subarray(offsets[i], offsets[i + 1])));
  }
  return rows;
}

/** Whether bytes [a, b) and [b, c) are equal. */
function sameBytes(bytes: Uint8Array, a: number, b: number, c: number): boolean {
  if (b - a !== c - b) return false;
  for (let i = 0; i < b - a; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
