/**
 * Column types of the stage contract, their Arrow types, and the arrays their values are in.
 *
 * @module
 */
import {
  Bool,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  List,
  Schema,
  Uint16,
  Uint32,
  Utf8,
} from "apache-arrow";
import { columnFits, type Columns, type ColumnType, nullableElement } from "../stage/mod.ts";

/** Typed array of each fixed-width element type. */
export const ARRAYS = {
  bool: Uint8Array,
  int32: Int32Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

export type ElementType = keyof typeof ARRAYS;
export type Values =
  | Uint8Array
  | Int32Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A column type with one encoding: `list<uint16|uint32>` is stored as one or the other. */
export type ConcreteType = Exclude<ColumnType, "list<uint16|uint32>">;

/** Element type of `list<…>` columns; undefined for other column types. */
export function listElement(type: ConcreteType): ElementType | undefined {
  return /^list<(.*)>$/.exec(type)?.[1] as ElementType | undefined;
}

/** Element type of columns with one value a row: that of nullable columns, or the type itself. */
export function scalarElement(type: ConcreteType): ElementType {
  return nullableElement(type) ?? type as ElementType;
}

/** The encoding for a column of these values; the narrower one if there are none. */
export function concreteType(type: ColumnType, values?: unknown): ConcreteType {
  if (type !== "list<uint16|uint32>") return type;
  return values instanceof Uint32Array ? "list<uint32>" : "list<uint16>";
}

const SCALARS: Record<string, () => DataType> = {
  bool: () => new Bool(),
  int32: () => new Int32(),
  uint16: () => new Uint16(),
  uint32: () => new Uint32(),
  float32: () => new Float32(),
  float64: () => new Float64(),
  utf8: () => new Utf8(),
};

/** Arrow type of a column type. */
export function arrowType(type: ConcreteType): DataType {
  const element = listElement(type);
  if (element) return new List(new Field("item", arrowType(element), false));
  const make = SCALARS[scalarElement(type)];
  if (!make) throw new TypeError(`unknown column type "${type}"`);
  return make();
}

/** Schema of a table: columns as declared, no metadata (equal tables must give equal bytes). */
export function arrowSchema(columns: Readonly<Record<string, ConcreteType>>): Schema {
  return new Schema(Object.entries(columns).map(([name, type]) => arrowField(name, type)));
}

function arrowField(name: string, type: ConcreteType): Field {
  return new Field(name, arrowType(type), nullableElement(type) !== undefined);
}

/** Column types by the name of their Arrow type, "nullable " before it where there may be nulls. */
const BY_ARROW_TYPE = new Map(
  [
    ...Object.keys(SCALARS) as ConcreteType[],
    ...(["int32", "uint16", "uint32", "float32"] as const).map((e) => `list<${e}>` as const),
    ...(["int32", "float64"] as const).map((e) => `nullable<${e}>` as const),
  ].map((type) => [arrowName(arrowField("", type)), type]),
);

function arrowName({ type, nullable }: Field): string {
  return nullable ? `nullable ${type}` : String(type);
}

/** A column found in the schema of a file. */
export interface FoundColumn {
  readonly name: string;
  /** How it is read: as nullable if that is declared, even where the file has no nulls. */
  readonly type: ConcreteType;
  /** Index of its first buffer in each record batch. */
  readonly first_buffer: number;
}

/**
 * Finds a column in the schema of a file.
 *
 * @param wanted the declared type; any column type if undefined.
 * @param origin what is being read, for the message.
 * @throws {TypeError} when the column is missing or of another type.
 */
export function findColumn(
  schema: Schema,
  name: string,
  wanted: ColumnType | undefined,
  origin: string,
): FoundColumn {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index < 0) {
    const present = schema.fields.map((field) => field.name).join(", ");
    throw new TypeError(`${origin} has no column "${name}"; it has ${present}`);
  }
  const arrow_type = arrowName(schema.fields[index]);
  const type = BY_ARROW_TYPE.get(arrow_type);
  if (type === undefined || (wanted !== undefined && !columnFits(type, wanted))) {
    throw new TypeError(
      `${origin}: column "${name}" is ${arrow_type}, not ${wanted ?? "a column type"}`,
    );
  }
  const read_as = wanted !== undefined && nullableElement(wanted) ? concreteType(wanted) : type;
  return { name, type: read_as, first_buffer: firstBuffer(schema, index) };
}

/** {@link findColumn} for each declared column. The file may have more: they are not read. */
export function findColumns(schema: Schema, columns: Columns, origin: string): FoundColumn[] {
  return Object.entries(columns).map(([name, type]) => findColumn(schema, name, type, origin));
}

/** A text has three buffers (validity, offsets, bytes), a list two and those of its items. */
function firstBuffer(schema: Schema, index: number): number {
  return schema.fields.slice(0, index).reduce((sum, { type }) => {
    const name = String(type);
    return sum + (name === "Utf8" ? 3 : name.startsWith("List") ? 4 : 2);
  }, 0);
}

/** Joins arrays of one type. */
export function concatValues<V extends Values>(parts: readonly V[]): V {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new (parts[0].constructor as new (length: number) => V)(length);
  let at = 0;
  for (const part of parts) {
    all.set(part as never, at);
    at += part.length;
  }
  return all;
}

/** Joins list columns; the offsets of each part are moved behind the values of the parts before it. */
export function concatLists<L extends { values: Values; offsets: Int32Array }>(
  parts: readonly L[],
): { values: L["values"]; offsets: Int32Array<ArrayBuffer> } {
  const rows = parts.reduce((sum, { offsets }) => sum + offsets.length - 1, 0);
  const offsets = new Int32Array(rows + 1);
  let [row, value] = [0, 0];
  for (const part of parts) {
    for (let i = 1; i < part.offsets.length; i++) offsets[++row] = value + part.offsets[i];
    value += part.values.length;
  }
  return { values: concatValues(parts.map(({ values }) => values)), offsets };
}
