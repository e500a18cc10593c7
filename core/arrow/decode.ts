/**
 * Reads our own tables, each one or more Arrow IPC files, into the column types of the stage contract.
 *
 * @module
 */
import {
  type Batch,
  type ColumnData,
  type Columns,
  type ColumnType,
  type ListColumn,
  nullableElement,
} from "../stage/mod.ts";
import { ArrowFile, type BatchPlace } from "./file.ts";
import {
  ARRAYS,
  concatLists,
  concatValues,
  concreteType,
  type ElementType,
  findColumns,
  type FoundColumn,
  listElement,
  scalarElement,
  type Values,
} from "./schema.ts";

/**
 * Streams the record batches of files, in order, one in memory at a time. Only the given columns are read.
 *
 * @param columns the columns to read; the files may have more.
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
    const found = findColumns(file.schema, columns, origin ?? path);
    for (const batch of file.batches) {
      const decoded = found.map((column) => [column.name, decodeColumn(file, batch, column)]);
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
  const parts: unknown[] = [];
  for await (const batch of readBatches(paths, { [name]: type }, origin)) parts.push(batch[name]);
  return concatColumn(type, parts) as ColumnData<T>;
}

function concatColumn(type: ColumnType, parts: readonly unknown[]) {
  if (type === "utf8" || nullableElement(type)) return (parts as unknown[][]).flat();
  if (parts.length === 1) return parts[0];
  const element = listElement(concreteType(type));
  if (parts.length === 0) {
    const values = new ARRAYS[element ?? type as ElementType](0);
    return element ? { values, offsets: Int32Array.of(0) } : values;
  }
  return element ? concatLists(parts as ListColumn<Values>[]) : concatValues(parts as Values[]);
}

/** Rows [from, to) of a column of a record batch. */
export function decodeColumn(
  file: ArrowFile,
  { rows, buffers }: BatchPlace,
  { type, first_buffer }: FoundColumn,
  from = 0,
  to = rows,
): ColumnData<ColumnType> {
  const [first, second, third, fourth] = buffers.slice(first_buffer, first_buffer + 4);
  const element = listElement(type);
  if (type === "utf8" || element) {
    const offsets = readOffsets(file, second, from, to);
    const [start, end] = [offsets[0], offsets[to - from]];
    const relative = start === 0 ? offsets : offsets.map((offset) => offset - start);
    if (!element) return decodeStrings(relative, file.read(third, start, end));
    const { BYTES_PER_ELEMENT: size } = ARRAYS[element];
    const values = viewAs(element, file.read(fourth, start * size, end * size));
    return { values, offsets: relative } as ColumnData<ColumnType>;
  }
  if (type === "bool") return readBits(file, second, from, to);
  const scalar = scalarElement(type);
  const { BYTES_PER_ELEMENT: size } = ARRAYS[scalar];
  const values = viewAs(scalar, file.read(second, from * size, to * size));
  if (!nullableElement(type)) return values as ColumnData<ColumnType>;
  // A batch without nulls has no bitmap. Files of earlier versions have NaN for what is unknown.
  const valid = first.bytes > 0 ? readBits(file, first, from, to) : undefined;
  return Array.from(values, (value, i) => valid?.[i] === 0 || Number.isNaN(value) ? null : value);
}

/** Bits [from, to), one byte each. */
function readBits(
  file: ArrowFile,
  region: BatchPlace["buffers"][number],
  from: number,
  to: number,
): Uint8Array<ArrayBuffer> {
  const bits = file.read(region, from >> 3, (to + 7) >> 3);
  return Uint8Array.from({ length: to - from }, (_, i) => {
    const at = (from & 7) + i;
    return (bits[at >> 3] >> (at & 7)) & 1;
  });
}

/** Offsets of rows [from, to) of a text or list column, and the end of the last one. */
export function readOffsets(
  file: ArrowFile,
  region: BatchPlace["buffers"][number],
  from: number,
  to: number,
): Int32Array<ArrayBuffer> {
  return new Int32Array(file.read(region, 4 * from, 4 * (to + 1)).buffer);
}

/** Bytes as values of an element type. */
export function viewAs(element: ElementType, bytes: Uint8Array<ArrayBuffer>): Values {
  return new ARRAYS[element](bytes.buffer);
}

// A byte-order mark at the start of a row is text like any other, so the decoder must keep it.
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
