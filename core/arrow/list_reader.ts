/**
 * Random access to a list column, of which only what is asked for is read.
 *
 * @module
 */
import type { ColumnType, ListColumn, ListReader } from "../stage/mod.ts";
import { firstBuffer, readOffsets, viewAs } from "./decode.ts";
import { ArrowFile, type BatchPlace } from "./file.ts";
import { ARRAYS, type ElementType, findColumns, listElement, type Values } from "./schema.ts";

/** The part of the column that lies in one record batch. */
interface Part {
  readonly file: ArrowFile;
  readonly first_row: number;
  readonly rows: number;
  /** Place of its first value among all values. */
  readonly start: number;
  readonly length: number;
  readonly offsets: BatchPlace["buffers"][number];
  readonly values: BatchPlace["buffers"][number];
}

/** Reads runs of values, and where rows begin, straight from their places in the files. */
export class ArrowList implements ListReader<ListColumn<Values>> {
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
      const found = findColumns(file.schema, { [name]: type }, origin)[name];
      const first = firstBuffer(file.schema, found.index);
      element = listElement(found.type)!;
      for (const batch of file.batches) {
        const [offsets, values] = [batch.buffers[first + 1], batch.buffers[first + 3]];
        const last = file.read(offsets, 4 * batch.rows, 4 * (batch.rows + 1));
        const part = { file, first_row: rows, rows: batch.rows, start: length, offsets, values };
        parts.push({ ...part, length: new Int32Array(last.buffer)[0] });
        rows += batch.rows;
        length += parts.at(-1)!.length;
      }
    }
    this.length = length;
    this.#parts = parts;
    this.#element = element;
  }

  offsets(start: number, end: number): Float64Array {
    const places = new Float64Array(end - start + 1);
    places[end - start] = this.length;
    for (let p = this.#partOf(start, "first_row"); p < this.#parts.length; p++) {
      const { file, first_row, rows, offsets, start: base } = this.#parts[p];
      if (first_row > end) break;
      const of_part = readOffsets(file, offsets, rows);
      const from = Math.max(start, first_row);
      for (let row = from; row <= Math.min(end, first_row + rows); row++) {
        places[row - start] = base + of_part[row - first_row];
      }
    }
    return places;
  }

  read(start: number, end: number): Values {
    const { BYTES_PER_ELEMENT } = ARRAYS[this.#element];
    const bytes = new Uint8Array((end - start) * BYTES_PER_ELEMENT);
    for (let at = start, p = this.#partOf(start, "start"); at < end; p++) {
      const part = this.#parts[p];
      const until = Math.min(end, part.start + part.length);
      const [from, to] = [at - part.start, until - part.start].map((i) => i * BYTES_PER_ELEMENT);
      bytes.set(part.file.read(part.values, from, to), (at - start) * BYTES_PER_ELEMENT);
      at = until;
    }
    return viewAs(this.#element, bytes);
  }

  /** The last part that begins at or before a row, or a value. */
  #partOf(place: number, by: "first_row" | "start"): number {
    let [low, high] = [0, this.#parts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#parts[middle][by] <= place) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}
