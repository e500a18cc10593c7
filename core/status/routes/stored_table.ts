/**
 * Rows of stored tables, from any place in them, without reading what stands before.
 *
 * @module
 */
import {
  ARRAYS,
  ArrowFile,
  type BatchPlace,
  type ElementType,
  firstBuffer,
  readOffsets,
  viewAs,
} from "../../arrow/mod.ts";

export interface TableColumn {
  readonly name: string;
  /** As in the declaration of a port: "float64", "list<uint16>". */
  readonly type: string;
  /** Index of its first buffer in a record batch. */
  readonly first: number;
}

/** A value of a row; a list is an array of numbers. */
export type Cell = string | boolean | number | readonly number[];

/** Rows that are read at once. */
const SLICE_ROWS = 256;

/** A table of one or more Arrow files. */
export class StoredTable {
  readonly columns: readonly TableColumn[];
  readonly rows: number;
  readonly #files: readonly ArrowFile[];

  /** @throws {TypeError} when a file is not Arrow. */
  constructor(paths: readonly string[], origin: string) {
    this.#files = paths.map((path) => ArrowFile.open(path, origin));
    const { schema } = this.#files[0];
    this.columns = schema.fields.map(({ name, type }, i) => {
      return { name, type: String(type).toLowerCase(), first: firstBuffer(schema, i) };
    });
    const batches = this.#files.flatMap((file) => file.batches);
    this.rows = batches.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Rows from one index to another (not included), in slices, each row with the cells of some columns. */
  *read(columns: readonly TableColumn[], from: number, to: number): Generator<Cell[][]> {
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

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Rows `from` to `to` of a batch, of one column; buffers are those of core/arrow/encode.ts. */
function readCells(
  file: ArrowFile,
  { buffers }: BatchPlace,
  { type, first }: TableColumn,
  from: number,
  to: number,
): Cell[] {
  const element = /^list<(.*)>$/.exec(type)?.[1] as ElementType | undefined;
  if (type === "bool") {
    const bits = file.read(buffers[first + 1], from >> 3, (to + 7) >> 3);
    const at = (row: number) => row - (from & ~7);
    return range(from, to, (row) => (bits[at(row) >> 3] >> (at(row) & 7) & 1) === 1);
  }
  if (type === "utf8" || element) {
    const region = buffers[first + 1];
    const offsets = readOffsets(file, { at: region.at + 4 * from, bytes: 0 }, to - from);
    const size = element ? ARRAYS[element].BYTES_PER_ELEMENT : 1;
    const data = buffers[first + (element ? 3 : 2)];
    const bytes = file.read(data, offsets[0] * size, offsets[to - from] * size);
    const values = element ? viewAs(element, bytes) : bytes;
    return range(0, to - from, (row) => {
      const run = values.subarray(offsets[row] - offsets[0], offsets[row + 1] - offsets[0]);
      return element ? Array.from(run) : DECODER.decode(run as Uint8Array);
    });
  }
  const size = ARRAYS[type as ElementType].BYTES_PER_ELEMENT;
  const bytes = file.read(buffers[first + 1], from * size, to * size);
  return Array.from(viewAs(type as ElementType, bytes));
}

function range<T>(from: number, to: number, make: (i: number) => T): T[] {
  return Array.from({ length: to - from }, (_, i) => make(from + i));
}
