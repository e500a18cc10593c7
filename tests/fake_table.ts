/**
 * Tables in memory, for the fake stage context.
 *
 * @module
 */
import type { Batch, Columns, ColumnType, ListColumn } from "../core/stage/mod.ts";

const ARRAYS = {
  bool: Uint8Array,
  int32: Int32Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

type Numbers = Uint8Array | Int32Array | Uint16Array | Uint32Array | Float32Array | Float64Array;
type Column = Numbers | string[] | ListColumn<Numbers>;

/** A table without rows. */
export function emptyBatch(columns: Columns): Batch<Columns> {
  return concatBatches(columns, []);
}

/**
 * Rows of a block.
 *
 * @throws {Error} when a column is missing, unknown, of the wrong kind or of another length.
 */
export function rowCount(columns: Columns, batch: Batch<Columns>): number {
  const unknown = Object.keys(batch).filter((name) => !(name in columns));
  if (unknown.length > 0) throw new Error(`unknown column ${unknown.join(", ")}`);
  const rows = Object.entries(columns).map(([name, type]) => columnRows(name, type, batch[name]));
  if (new Set(rows).size > 1) throw new Error(`columns have different lengths: ${rows.join(", ")}`);
  return rows[0] ?? 0;
}

function columnRows(name: string, type: ColumnType, column: Column | undefined): number {
  const fail = () => new Error(`column "${name}" is not ${type}`);
  if (column === undefined) throw new Error(`column "${name}" is missing`);
  if (type === "utf8") {
    if (!Array.isArray(column)) throw fail();
    return column.length;
  }
  if (!type.startsWith("list<")) {
    if (!(column instanceof arrayOf(type))) throw fail();
    return column.length;
  }
  const { values, offsets } = column as ListColumn<Numbers>;
  if (!(values instanceof arrayOf(type, values)) || offsets.at(-1) !== values.length) throw fail();
  return offsets.length - 1;
}

/** Appends blocks of rows to one another, copying. */
export function concatBatches(
  columns: Columns,
  batches: readonly Batch<Columns>[],
): Batch<Columns> {
  const joined = Object.entries(columns).map(([name, type]) => {
    const parts = batches.map((batch) => batch[name] as Column);
    if (type === "utf8") return [name, (parts as string[][]).flat()];
    if (!type.startsWith("list<")) return [name, concatNumbers(type, parts as Numbers[])];
    const lists = parts as ListColumn<Numbers>[];
    const values = concatNumbers(type, lists.map((list) => list.values));
    return [name, { values, offsets: joinOffsets(lists) }];
  });
  return Object.fromEntries(joined);
}

/** @param sample tells which of two element types a column has that may have either. */
function arrayOf(type: ColumnType, sample?: unknown) {
  if (type === "list<uint16|uint32>") {
    return sample instanceof Uint32Array ? Uint32Array : Uint16Array;
  }
  return ARRAYS[type.replace(/^list<(.*)>$/, "$1") as keyof typeof ARRAYS];
}

function concatNumbers(type: ColumnType, parts: readonly Numbers[]): Numbers {
  const sample = parts.findLast((part) => part.length > 0);
  const joined = new (arrayOf(type, sample))(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function joinOffsets(lists: readonly ListColumn<Numbers>[]): Int32Array {
  const offsets = [0];
  for (const list of lists) {
    const base = offsets.at(-1)!;
    for (const offset of list.offsets.subarray(1)) offsets.push(base + offset);
  }
  return Int32Array.from(offsets);
}
