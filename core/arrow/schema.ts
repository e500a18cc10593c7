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
import { columnFits, type Columns, type ColumnType } from "../stage/mod.ts";

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

/** A column type that has one encoding: of `list<uint16|uint32>` one or the other. */
export type ConcreteType = Exclude<ColumnType, "list<uint16|uint32>">;

/** Element type of `list<…>` columns; undefined for any other column type. */
export function listElement(type: ConcreteType): ElementType | undefined {
  return /^list<(.*)>$/.exec(type)?.[1] as ElementType | undefined;
}

/** The encoding for a column of these values; without any, the narrower one. */
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
  const make = SCALARS[type];
  if (!make) throw new TypeError(`there is no column type "${type}"`);
  return make();
}

/** Schema of a table: declared column order, no nulls, no metadata (equal tables must give equal bytes). */
export function arrowSchema(columns: Readonly<Record<string, ConcreteType>>): Schema {
  return new Schema(
    Object.entries(columns).map(([name, type]) => new Field(name, arrowType(type), false)),
  );
}

/** All column types that have one encoding, by the name of their Arrow type. */
const BY_ARROW_TYPE = new Map(
  [
    ...Object.keys(SCALARS) as ConcreteType[],
    ...(["int32", "uint16", "uint32", "float32"] as const).map((e) => `list<${e}>` as const),
  ].map((type) => [String(arrowType(type)), type]),
);

/**
 * Finds the columns that a port declares in a file. It may hold more: they are not read.
 *
 * @param origin what is being read, for the message.
 * @returns place in the schema and encoding of each column.
 * @throws {TypeError} naming the first column that is missing or of another type.
 */
export function findColumns(
  schema: Schema,
  columns: Columns,
  origin: string,
): Record<string, { index: number; type: ConcreteType }> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, wanted]) => {
      const index = schema.fields.findIndex((field) => field.name === name);
      if (index < 0) {
        const present = schema.fields.map((field) => field.name).join(", ");
        throw new TypeError(`${origin} has no column "${name}"; it has ${present}`);
      }
      const arrow_type = String(schema.fields[index].type);
      const type = BY_ARROW_TYPE.get(arrow_type);
      if (type === undefined || !columnFits(type, wanted)) {
        throw new TypeError(`${origin}: column "${name}" is ${arrow_type}, not ${wanted}`);
      }
      return [name, { index, type }];
    }),
  );
}
