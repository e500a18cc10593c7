/**
 * The column types an artifact table may have, and how each looks in memory.
 *
 * The set is small on purpose: every type has one Arrow encoding, so that equal data gives equal bytes.
 *
 * @module
 */

/** Memory layout of each scalar column type. */
export interface ScalarColumns {
  bool: Uint8Array;
  int32: Int32Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  float32: Float32Array;
  float64: Float64Array;
  utf8: string[];
}

/** Element types a list column may have. */
export interface ListElements {
  int32: Int32Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  float32: Float32Array;
  /** Whichever is wide enough, one of them for the whole table: token ids, by the size of the vocabulary. */
  "uint16|uint32": Uint16Array | Uint32Array;
}

/** Name of a column type, as written in a port declaration. */
export type ColumnType = keyof ScalarColumns | `list<${keyof ListElements}>`;

/**
 * A column of variable-length lists, flattened: row `i` is `values.subarray(offsets[i], offsets[i + 1])`.
 * `offsets` has one entry more than there are rows.
 */
export interface ListColumn<Values> {
  values: Values;
  offsets: Int32Array;
}

/** The in-memory form of a column of type `T`. No column holds nulls. */
export type ColumnData<T extends ColumnType> = T extends keyof ScalarColumns ? ScalarColumns[T]
  : T extends `list<${infer E extends keyof ListElements}>` ? ListColumn<ListElements[E]>
  : never;

/** Column names and types of a table. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** A block of rows, one entry per column, all of the same number of rows. */
export type Batch<C extends Columns> = { [K in keyof C]: ColumnData<C[K]> };

/** Whether values of type `given` are values of type `wanted`. */
export function columnFits(given: ColumnType, wanted: ColumnType): boolean {
  const of_either = wanted === "list<uint16|uint32>";
  return given === wanted || (of_either && (given === "list<uint16>" || given === "list<uint32>"));
}
