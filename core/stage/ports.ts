/**
 * Ports: what a stage reads and what it writes. A port is a table with declared columns, or a set of named files
 * (weights, a tokenizer, pictures), stored as an Arrow table that lists each file with its size and digest.
 *
 * The set of column types is small on purpose: each has one Arrow encoding, so that equal data gives equal bytes.
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
  /** Token ids: the narrower one that fits the vocabulary, the same for the whole table. */
  "uint16|uint32": Uint16Array | Uint32Array;
}

/** Types of numbers that a column may leave unknown: `nullable<float64>`. */
export type NullableElement = "int32" | "float64";

/** Name of a column type, as written in a port declaration. */
export type ColumnType =
  | keyof ScalarColumns
  | `list<${keyof ListElements}>`
  | `nullable<${NullableElement}>`;

/**
 * A column of variable-length lists, flattened: row `i` is `values.subarray(offsets[i], offsets[i + 1])`.
 * `offsets` has one entry more than there are rows.
 */
export interface ListColumn<Values> {
  values: Values;
  offsets: Int32Array;
}

/** The in-memory form of a column of type `T`. Only nullable columns have nulls, and no column of a table has NaN. */
export type ColumnData<T extends ColumnType> = T extends keyof ScalarColumns ? ScalarColumns[T]
  : T extends `nullable<${string}>` ? (number | null)[]
  : T extends `list<${infer E extends keyof ListElements}>` ? ListColumn<ListElements[E]>
  : never;

/** Column names and types of a table. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** A block of rows: one entry per column, all with the same number of rows. */
export type Batch<C extends Columns> = { [K in keyof C]: ColumnData<C[K]> };

/** A value that {@link batchOf} accepts for a column of type `T`. */
export type CellOf<T extends ColumnType> = T extends "utf8" ? string
  : T extends "bool" ? boolean | number
  : T extends `nullable<${string}>` ? number | null
  : number;

/** Converts rows to a block of columns; supports utf8, int32, float64, bool and nullable columns. */
export function batchOf<C extends Columns>(
  { columns }: { readonly columns: C },
  rows: readonly { readonly [K in keyof C]: CellOf<C[K]> }[],
): Batch<C> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, type]) => {
      const values = rows.map((row) => row[name as keyof typeof row] as unknown);
      if (type === "utf8" || nullableElement(type)) return [name, values];
      if (type === "bool") return [name, Uint8Array.from(values as number[], Number)];
      const array = type === "int32" ? Int32Array : Float64Array;
      return [name, array.from(values as number[])];
    }),
  ) as Batch<C>;
}

/** Element type of `nullable<…>` columns; undefined for other column types. */
export function nullableElement(type: ColumnType): NullableElement | undefined {
  return /^nullable<(int32|float64)>$/.exec(type)?.[1] as NullableElement | undefined;
}

/** Whether a column of type `given` can be read as type `wanted`. Readers of nullable columns accept ones without nulls. */
export function columnFits(given: ColumnType, wanted: ColumnType): boolean {
  const of_either = wanted === "list<uint16|uint32>";
  return given === wanted || given === nullableElement(wanted) ||
    (of_either && (given === "list<uint16>" || given === "list<uint32>"));
}

/**
 * Checks that a block of rows has no NaN: a reader cannot tell an unknown value from a failed computation, and JSON cannot
 * write it.
 *
 * @param first_row number of rows of the table before the block, for the message.
 * @throws {TypeError} naming the column and the row.
 */
export function refuseNaN(columns: Columns, batch: Batch<Columns>, first_row: number): void {
  for (const [name, type] of Object.entries(columns)) {
    if (!type.includes("float")) continue;
    // Data of another form is for the encoder to refuse.
    const data = batch[name] as Partial<ListColumn<Float32Array> & Float64Array> | undefined;
    const { values, offsets } = data ?? {};
    const row = offsets instanceof Int32Array && values instanceof Float32Array
      ? offsets.findIndex((start, row) =>
        values.subarray(start, offsets[row + 1] ?? start).some(Number.isNaN)
      )
      : data?.findIndex?.(Number.isNaN) ?? -1;
    if (row < 0) continue;
    const fix = type.startsWith("list")
      ? "leave unknown values out of the list"
      : nullableElement(type)
      ? "write null for an unknown value"
      : "if values can be unknown, declare the column nullable<float64> and write null";
    throw new TypeError(`column "${name}" has NaN in row ${first_row + row}; ${fix}`);
  }
}

/** A port of one table. */
export interface TablePort<C extends Columns = Columns> {
  readonly kind: "table";
  readonly columns: C;
  readonly description: string;
}

/**
 * A port of named files. `format` distinguishes kinds of files ("checkpoint", "tokenizer"): two ports fit together when
 * their formats are equal.
 */
export interface FilesPort<F extends string = string> {
  readonly kind: "files";
  readonly format: F;
  readonly description: string;
}

/** What a stage can produce on one output. */
export type Port = TablePort | FilesPort;

/** An input that accepts any number of artifacts of the same port, each under a label that the recipe chooses. */
export interface ManyPort<P extends Port = Port, Least extends 0 | 1 = 0 | 1> {
  readonly kind: "many";
  readonly port: P;
  /** Minimum number of artifacts. With 0 the input may be left unconnected; it is an empty record then. */
  readonly at_least: Least;
}

/** An input that the recipe may leave unconnected. */
export interface OptionalPort<P extends Port = Port> {
  readonly kind: "optional";
  readonly port: P;
}

/** What a stage can declare as an input. */
export type InputPort = Port | ManyPort | OptionalPort;

export type InputPorts = Readonly<Record<string, InputPort>>;
export type OutputPorts = Readonly<Record<string, Port>>;

/** Declares a port of one table. */
export function table<const C extends Columns>(columns: C, description: string): TablePort<C> {
  return { kind: "table", columns, description };
}

/** Declares a port of named files of one format. */
export function files<const F extends string>(format: F, description: string): FilesPort<F> {
  return { kind: "files", format, description };
}

/**
 * Declares an input that accepts a record of artifacts: `many(tokens)` is connected as `{ general: …, code: … }`.
 *
 * @param at_least 1: the record must not be empty; 0: it may be left out.
 */
export function many<P extends Port, const Least extends 0 | 1 = 1>(
  port: P,
  at_least: Least = 1 as Least,
): ManyPort<P, Least> {
  return { kind: "many", port, at_least };
}

/** Declares an input that may be left unconnected. */
export function optional<P extends Port>(port: P): OptionalPort<P> {
  return { kind: "optional", port };
}
