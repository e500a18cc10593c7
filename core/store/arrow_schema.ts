/**
 * The one mapping between column types and Arrow types.
 *
 * @module
 */
import {
  Bool,
  DataType,
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
import type { Columns, ColumnType } from "../stage/mod.ts";

/** Typed array a column's values live in, one for each fixed-width element type. */
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

/** Element type of `list<…>` columns; undefined for any other column type. */
export function listElement(type: ColumnType): ElementType | undefined {
  return /^list<(.*)>$/.exec(type)?.[1] as ElementType | undefined;
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
export function arrowType(type: ColumnType): DataType {
  const element = listElement(type);
  if (element) return new List(new Field("item", arrowType(element), false));
  const make = SCALARS[type];
  if (!make) throw new TypeError(`there is no column type "${type}"`);
  return make();
}

/** Schema of a table: declared column order, no nulls, no metadata (equal tables must give equal bytes). */
export function arrowSchema(columns: Columns): Schema {
  return new Schema(
    Object.entries(columns).map(([name, type]) => new Field(name, arrowType(type), false)),
  );
}

/**
 * Checks that a file holds the columns a port declares. It may hold more: they are not read.
 *
 * @param origin what is being read, for the message.
 * @throws {TypeError} naming the first column that is missing or of another type.
 */
export function assertColumns(schema: Schema, columns: Columns, origin: string): void {
  for (const [name, type] of Object.entries(columns)) {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (!field) {
      const present = schema.fields.map((candidate) => candidate.name).join(", ");
      throw new TypeError(`${origin} has no column "${name}"; it has ${present}`);
    }
    if (String(field.type) !== String(arrowType(type))) {
      throw new TypeError(`${origin}: column "${name}" is ${field.type}, not ${type}`);
    }
  }
}
