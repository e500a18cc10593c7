/**
 * Rows and list values of our own tables from any position, without reading what is before them.
 *
 * @module
 */
import type { ColumnType, ListColumn, ListReader } from "../stage/mod.ts";
import { decodeColumn, readOffsets, viewAs } from "./decode.ts";
import { ArrowFile, type BatchPlace } from "./file.ts";
import {
  ARRAYS,
  type ElementType,
  findColumn,
  type FoundColumn,
  listElement,
  type Values,
} from "./schema.ts";

/** The part of a list column that is in one record batch. */
interface Part {
  readonly file: ArrowFile;
  readonly rows: number;
  /** Rows and values of the table before this part. */
  readonly first_row: number;
  readonly first_value: number;
  /** Number of values. */
  readonly length: number;
  readonly offsets: BatchPlace["buffers"][number];
  readonly values: BatchPlace["buffers"][number];
}

/** Random access to a list column. Memory: the positions of its record batches. */
export class ListColumnReader implements ListReader<ListColumn<Values>> {
  readonly length: number;
  readonly #parts: readonly Part[];
  readonly #element: ElementType;

  /**
   * @param paths files of the table, in order.
   * @throws {TypeError} when a file is not Arrow, or has no such column.
   */
  constructor(paths: readonly string[], name: string, type: ColumnType, origin: string) {
    const parts: Part[] = [];
    let [rows, length] = [0, 0];
    let element: ElementType = "uint16";
    for (const path of paths) {
      const file = ArrowFile.open(path, origin);
      const column = findColumn(file.schema, name, type, origin);
      element = listElement(column.type)!;
      for (const batch of file.batches) {
        const [offsets, , values] = batch.buffers.slice(column.first_buffer + 1);
        const [end] = readOffsets(file, offsets, batch.rows, batch.rows);
        const before = { first_row: rows, first_value: length };
        parts.push({ file, rows: batch.rows, ...before, length: end, offsets, values });
        rows += batch.rows;
        length += end;
      }
    }
    this.length = length;
    this.#parts = parts;
    this.#element = element;
  }

  offsets(start: number, end: number): Float64Array {
    const all = new Float64Array(end - start + 1);
    all[end - start] = this.length;
    for (let p = this.#partOf(start, "first_row"); p < this.#parts.length; p++) {
      const { file, first_row, rows, offsets, first_value } = this.#parts[p];
      if (first_row > end) break;
      const from = Math.max(start, first_row);
      const to = Math.min(end, first_row + rows);
      const of_part = readOffsets(file, offsets, from - first_row, to - first_row);
      of_part.forEach((offset, i) => all[from - start + i] = first_value + offset);
    }
    return all;
  }

  read(start: number, end: number): Values {
    const { BYTES_PER_ELEMENT } = ARRAYS[this.#element];
    const bytes = new Uint8Array((end - start) * BYTES_PER_ELEMENT);
    for (let at = start, p = this.#partOf(start, "first_value"); at < end; p++) {
      const { file, values, first_value, length } = this.#parts[p];
      const until = Math.min(end, first_value + length);
      const [from, to] = [at - first_value, until - first_value].map((i) => i * BYTES_PER_ELEMENT);
      bytes.set(file.read(values, from, to), (at - start) * BYTES_PER_ELEMENT);
      at = until;
    }
    return viewAs(this.#element, bytes);
  }

  /** Index of the last part that begins at or before a row or value (bisection). */
  #partOf(position: number, by: "first_row" | "first_value"): number {
    let [low, high] = [0, this.#parts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#parts[middle][by] <= position) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}

/** A value of a row; a list is an array of numbers. */
export type Cell = string | boolean | number | null | readonly number[];

/** Rows that are read at once. */
const SLICE_ROWS = 256;

/** Random access to the rows of a table. */
export class RowReader {
  readonly columns: readonly FoundColumn[];
  readonly rows: number;
  readonly #files: readonly ArrowFile[];

  /**
   * @param paths files of the table, in order.
   * @throws {TypeError} when a file is not one of our Arrow files.
   */
  constructor(paths: readonly string[], origin: string) {
    this.#files = paths.map((path) => ArrowFile.open(path, origin));
    const { schema } = this.#files[0];
    this.columns = schema.fields.map(({ name }) => findColumn(schema, name, undefined, origin));
    const batches = this.#files.flatMap((file) => file.batches);
    this.rows = batches.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Rows [from, to) in slices, each row with the cells of some columns. */
  *read(columns: readonly FoundColumn[], from: number, to: number): Generator<Cell[][]> {
    let begin = 0;
    for (const file of this.#files) {
      for (const batch of file.batches) {
        const last = Math.min(to - begin, batch.rows);
        for (let row = Math.max(0, from - begin); row < last; row += SLICE_ROWS) {
          const end = Math.min(row + SLICE_ROWS, last);
          const cells = columns.map((column) => readCells(file, batch, column, row, end));
          yield Array.from({ length: end - row }, (_, i) => cells.map((column) => column[i]));
        }
        begin += batch.rows;
        if (begin >= to) return;
      }
    }
  }
}

function readCells(
  file: ArrowFile,
  batch: BatchPlace,
  column: FoundColumn,
  from: number,
  to: number,
): Cell[] {
  const data = decodeColumn(file, batch, column, from, to);
  if ("offsets" in data) {
    const { values, offsets } = data;
    return Array.from(
      { length: to - from },
      (_, row) => Array.from(values.subarray(offsets[row], offsets[row + 1])),
    );
  }
  if (column.type === "bool") return Array.from(data as Uint8Array, (bit) => bit === 1);
  return Array.from<Cell>(data);
}
